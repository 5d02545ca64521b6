//! Slices of matrices that processes of tensor parallelism saved, merged into the model.
//!
//! Sources of names and axes: the conversion of Llama's files in transformers
//! (`convert_llama_weights_to_hf.py`), and the column- and row-parallel layers of Megatron-LM
//! (Shoeybi et al., 2019, section 3).

mod files;
mod merged;
mod rules;

pub(super) use files::{is_slice, slices};
pub(super) use merged::merge;
