//! Arrays of NumPy: `.npy` and `.npz`.

pub(crate) mod npy;
mod reader;

pub(crate) use reader::Numpy;
