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
//! **Refused.** TorchScript archives, files of big-endian machines, sparse, quantized and complex
//! tensors, and tensors that were saved without their values.

mod contents;
mod pickle;
mod reader;
mod shards;
mod storage;
mod view;

pub(crate) use reader::Torch;
pub(crate) use shards::Shards;
