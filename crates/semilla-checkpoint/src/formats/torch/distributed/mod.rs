//! Folders of `torch.distributed.checkpoint`: each process saved the slices that it had.
//!
//! **Who writes it.** FSDP, tensor parallelism and their trainers: `__0_0.distcp`, `__1_0.distcp`,
//! one or several of each process, and `.metadata`, a pickle that says which box of which tensor
//! lies where. A box is a whole archive of `torch.save`.
//!
//! **Read.** The boxes of each tensor as one tensor, under its flat name (`model.layers.0.weight`).
//! Nothing is run.
//!
//! **Left out.** Objects that are no tensors, with a remark.
//!
//! **Refused.** Folders of which files are missing, tensors whose boxes leave gaps or lie over each
//! other, pieces that an extension compressed.

mod metadata;
mod reader;

pub(crate) use reader::Distributed;
