//! Reading and writing that the formats share.

#[cfg(any(feature = "torch", feature = "numpy", feature = "keras"))]
pub(crate) mod archive;
pub(crate) mod block;
pub(crate) mod budget;
mod byte_size;
#[cfg(any(feature = "orbax", feature = "tensorflow"))]
pub(crate) mod checksum;
pub(crate) mod decoded;
mod disk;
pub(crate) mod file;
pub(crate) mod index;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod partial;
pub(crate) mod pieces;
pub(crate) mod position;
pub(crate) mod range;
#[cfg(any(
    feature = "flax",
    feature = "numpy",
    feature = "orbax",
    feature = "torch"
))]
pub(crate) mod type_names;
pub(crate) mod window;
#[cfg(any(feature = "onnx", feature = "tensorflow"))]
pub(crate) mod wire;

pub use byte_size::{ByteSize, InvalidByteSize};
pub use index::{Index, Placement};
pub use limits::Limits;
pub use partial::{check_target, write_atomically};
