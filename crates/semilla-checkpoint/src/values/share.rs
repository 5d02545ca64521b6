//! The share of one process in a model that several processes make.

use std::fmt;
use std::str::FromStr;

use semilla::Slice;

/// One process's share of every tensor: the whole for rank 0 of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    rank: usize,
    world: usize,
}

/// The text names no rank of a number of processes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a rank; write RANK/WORLD with RANK from 0 below WORLD, such as 0/4")]
pub struct InvalidShare(String);

impl Share {
    /// The share of the only process: everything.
    pub const WHOLE: Share = Share { rank: 0, world: 1 };

    /// The slice of a tensor that belongs to the share: a chunk of its first axis, as `torch.chunk`
    /// and DTensor's `Shard(0)` cut. A scalar belongs to rank 0 alone.
    pub fn slice(self, shape: &[usize]) -> Option<Slice> {
        let slice = Slice::of_rank(shape, self.rank, self.world);
        let absent = if shape.is_empty() {
            self.rank > 0
        } else {
            slice.size()[0] == 0
        };
        // An empty tensor is still a tensor: rank 0 lists it.
        let empty_whole = shape.first() == Some(&0) && self.rank == 0;
        (!absent || empty_whole).then_some(slice)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.rank, self.world)
    }
}

impl FromStr for Share {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, InvalidShare> {
        let parts = text.split_once('/');
        let numbers =
            parts.and_then(|(rank, world)| Some((rank.parse().ok()?, world.parse().ok()?)));
        match numbers {
            Some((rank, world)) if rank < world => Ok(Self { rank, world }),
            _ => Err(InvalidShare(text.to_owned())),
        }
    }
}
