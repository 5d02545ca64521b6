//! The independent sequences of one tensor.

/// One of the independent sequences of a tensor: 0 for the elements themselves, others for what an
/// initializer needs besides (a block's own matrix, a permutation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Part(pub u64);
