//! Files of `torch.save`.

mod contents;
mod pickle;
mod reader;
mod shards;
mod storage;
mod view;

pub(crate) use reader::{Torch, is_stream};
pub(crate) use shards::Shards;
