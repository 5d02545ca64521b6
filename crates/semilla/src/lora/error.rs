//! Why a weight cannot be factored for an adapter.

/// Why a weight gets no factors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LoraError {
    /// The rank is 0, so nothing could be learned.
    #[error("the rank is 0; choose 1 or more")]
    ZeroRank,
    /// α does not give a positive, finite scaling.
    #[error("alpha is {0}; it must be a positive number")]
    Alpha(f64),
    /// The rank exceeds the smaller side of the matrix.
    #[error("rank {rank} does not fit a {out} x {input} matrix; choose at most {}", out.min(input))]
    Rank {
        /// The rank.
        rank: usize,
        /// The matrix's rows.
        out: usize,
        /// The matrix's columns.
        input: usize,
    },
    /// [`Orthogonal`](super::LoraInit::Orthogonal) factors take half of the rows each.
    #[error(
        "orthogonal factors need an even rank, not {0}; choose an even one, or a different \
         initializer"
    )]
    OddRank(usize),
    /// The weight's number of elements does not match its shape.
    #[error("the weight has {len} elements, but its shape is {out} x {input}; pass all of them")]
    Length {
        /// The elements that were passed.
        len: usize,
        /// The rows of the shape that was passed.
        out: usize,
        /// The columns of that shape.
        input: usize,
    },
    /// The weight holds NaN or an infinity.
    #[error("element [{row}, {column}] of the weight is {value}; factors need finite values")]
    NotFinite {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The value there.
        value: f64,
    },
    /// The factors overflow f32.
    #[error(
        "the factors do not fit in f32: the weight's values reach {0:e}; scale the weight down"
    )]
    Overflow(f64),
}
