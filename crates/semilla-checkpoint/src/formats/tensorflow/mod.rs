//! TensorFlow's checkpoints: a table of variables (`.index`) and files of their elements
//! (`.data-00000-of-00001`).
//!
//! **Who writes it.** `tf.train.Checkpoint`, Keras 2's `save_weights` without an ending, a
//! SavedModel in `variables/`, and `tf.train.Saver` of TensorFlow 1 since its second version.
//!
//! **Read.** Variables of every element type that is known here, where they lie, also those that
//! were saved in slices (partitioned variables). Those of
//! TensorFlow 2 have the way through the objects as their name (`dense/kernel`, without
//! `/.ATTRIBUTES/VARIABLE_VALUE`).
//!
//! **Left out**, with a remark: the optimizer's state, counters and metrics; texts and complex
//! numbers.
//!
//! **Refused.** Compressed tables, which TensorFlow has not written since 1.1, and big-endian
//! files.
//!
//! Source: `tensorflow/core/lib/io/format.cc`, `tensorflow/core/protobuf/tensor_bundle.proto`, and
//! `tensorflow/core/util/tensor_bundle/tensor_bundle.cc`.

mod bundle;
mod reader;
mod slices;
mod table;

pub(crate) use reader::TensorFlow;
