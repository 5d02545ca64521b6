//! Arrays of NumPy: `.npy` and `.npz`.

mod npy;
mod reader;

pub(crate) use reader::Numpy;
