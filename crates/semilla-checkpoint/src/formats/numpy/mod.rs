//! Arrays of NumPy: `.npy`, a short header and the elements, and `.npz`, a zip archive of such.
//!
//! **Who writes it.** `numpy.save`, `numpy.savez`, and JAX and Flax code that has no format of its
//! own.
//!
//! **Read.** Versions 1.0 to 3.0; integers, booleans and floats of either byte order, in row-major
//! or column-major order. An `.npy` is a tensor with the name of its file.
//!
//! **Refused.** Arrays of objects (which are pickles), of records, of text and of complex numbers.

mod npy;
mod reader;

pub(crate) use reader::Numpy;
