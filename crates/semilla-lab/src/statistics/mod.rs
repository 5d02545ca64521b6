//! Statistics of few, paired, possibly infinite scores. All randomness comes from the core's
//! stream, by name: the same bits everywhere.
//!
//! [`judge`] compares arms, seed by seed; the rest are its parts. More is better throughout, and
//! a training that diverged scores −∞.

mod bootstrap;
mod difference;
mod draws;
mod groups;
mod holm;
mod judge;
mod power;
mod quantile;
mod self_check;
mod sign_flip;
mod superiority;

pub use bootstrap::{Interval, bca};
pub(crate) use difference::differences;
pub use difference::{Difference, Location, difference};
pub use draws::Draws;
pub use groups::groups;
pub use holm::holm;
pub(crate) use judge::differ;
pub use judge::differ_among;
pub use judge::{Judged, Pair, Rules, judge};
pub use power::{fewest_seeds, power, seeds_needed};
pub use quantile::{median, quantile};
pub use self_check::{SelfCheck, self_check};
pub use sign_flip::sign_flip;
pub(crate) use sign_flip::signed_rank_above;
pub use superiority::superiority;
