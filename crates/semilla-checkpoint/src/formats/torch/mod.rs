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
//! without their values or lie inside of objects, arrays of NumPy. If there is nothing else, the
//! file is refused.
//!
//! **Refused.** TorchScript archives, files of big-endian machines, damaged tensors.

mod contents;
mod pickle;
mod reader;
mod storage;
mod view;

pub(crate) use reader::Torch;
