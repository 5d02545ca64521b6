//! Files of `torch.save`: pickles that say which tensors there are, and the storages that hold
//! their elements.
//!
//! **Who writes it.** PyTorch, as `.pt`, `.pth` or `.bin`: a zip archive since version 1.6, a
//! stream of pickles before.
//!
//! **Read.** State dictionaries, dictionaries and lists of tensors in each other, whole modules,
//! and the shards of `pytorch_model.bin.index.json`. Tensors may be strided and share storages. A
//! pickle is a program, and none is ever run: what it names beyond weights is a
//! [`Remark`](crate::Remark).
//!
//! **Left out**, each with a remark. Sparse, quantized and complex tensors, tensors that were saved
//! without their values or lie inside of objects. If there is nothing else, the file is refused.
//!
//! **Arrays of NumPy** among the tensors are read as tensors; so are those of any other pickle
//! (detectron2's `.pkl`, Paddle's `.pdparams`), where their bytes lie in it.
//!
//! **Programs.** Of TorchScript and of `torch.export` (`.pt2`) the parameters and buffers are read,
//! under the names of their attributes; the program is not.
//!
//! **Refused.** Files of big-endian machines, damaged tensors.

mod arrays;
mod contents;
mod cut;
mod distributed;
mod exported;
mod pickle;
mod processes;
mod reader;
mod sequence;
mod spread;
mod storage;
mod view;

pub(crate) use distributed::Distributed;
pub(crate) use reader::Torch;
