//! Which first weights suit a network: candidates, ranked by what theory predicts of them and what
//! a run measures, with the reasons in numbers.

mod candidate;
mod rank;
mod ranked;
mod reason;
mod remedy;

pub use candidate::{Candidate, candidates};
pub use rank::{rank, recommend};
pub use ranked::{Expected, Outcome, Ranked, Recommendation};
pub use remedy::{Remedy, remedy};
