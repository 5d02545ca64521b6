//! Contradictions between a file's content and its format.

use crate::quoted::Quoted;
use crate::tensor::InvalidTensor;

/// How the content of a file contradicts its format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The file ends inside its header.
    #[error(
        "the file is truncated: its header needs {needed} bytes and the file has {file}; \
         fetch it again"
    )]
    HeaderTruncated {
        /// Header and its length field, in bytes.
        needed: u64,
        /// The file's length.
        file: u64,
    },
    /// A header, index or list beyond [`Limits::header_bytes`](crate::Limits::header_bytes).
    #[error("the header has {bytes} bytes, more than the limit of {limit}")]
    TooLong {
        /// Its length in bytes.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The JSON is not valid, or not of the expected form.
    #[error("bad JSON: {0}")]
    Json(Quoted),
    /// A name occurs twice.
    #[error("the name {0} occurs twice")]
    Duplicate(Quoted),
    /// One tensor's description is wrong.
    #[error(transparent)]
    Tensor(#[from] InvalidTensor),
    /// All tensors together have more bytes than a file can.
    #[error("the tensors have more bytes together than a file can have")]
    TotalTooLarge,
    /// The file ends inside the data.
    #[error(
        "the file is truncated: the tensors need {needed} bytes of data and there are {data}; \
         fetch it again"
    )]
    DataTruncated {
        /// Bytes that the header describes.
        needed: u64,
        /// Bytes after the header.
        data: u64,
    },
    /// The file goes on after the data.
    #[error("{extra} bytes follow the last tensor, where the file should end")]
    Trailing {
        /// How many.
        extra: u64,
    },
    /// An index names a shard that is not a plain file name.
    #[error("the shard name {0} is refused: a shard must be a file in the index's own folder")]
    ShardName(Quoted),
    /// An index promises a tensor, or a group of variables, that its shard lacks.
    #[error("the index places {name} in {shard}, which does not have it")]
    NotInShard {
        /// The tensor's name, or the group's path.
        name: Quoted,
        /// The shard's file name.
        shard: Quoted,
    },
    /// A shard has a tensor, or a group of variables, that the index does not place there.
    #[error("the shard {shard} has {name}, which the index does not place there")]
    NotInIndex {
        /// The tensor's name, or the group's path.
        name: Quoted,
        /// The shard's file name.
        shard: Quoted,
    },
}
