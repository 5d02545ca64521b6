//! Published claims about first weights, each computed with the library and compared.
//!
//! A [`Claim`] is a statement with its paper, a computation, and what its numbers must be. A new
//! one is a function that gives [`Quantity`]s, and an entry in its file's list.

mod claim;
mod deep;
mod digits;
mod isometry;
mod narrow;
mod net;
mod ranks;
mod signals;
mod theory;
mod training;

pub(crate) use claim::{Claim, Effort};

/// All claims, those that take longest last.
pub(crate) fn claims() -> Vec<Claim> {
    let mut claims: Vec<Claim> = [
        theory::CLAIMS,
        signals::CLAIMS,
        isometry::CLAIMS,
        narrow::CLAIMS,
        ranks::CLAIMS,
        training::CLAIMS,
        deep::CLAIMS,
    ]
    .concat();
    claims.sort_by_key(|claim| claim.effort);
    claims
}
