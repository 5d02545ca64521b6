//! Trains the same network from many initializations, side by side and reproducibly.
//!
//! A [`Trial`] is a small JSON that describes one training completely; its [`Outcome`] is a
//! function of it alone: the same bytes on any number of threads, alone or beside others.
//! [`Problem`] is what trials share (model, data, loss), [`train`] carries many out on all cores,
//! and [`Replica`] is a single one that can be looked at on the way.
//!
//! The first weights are those of the recipe's plan, so that whatever
//! [`semilla`] can make, fit on data or load can be compared.

mod data;
mod error;
mod order;
mod outcome;
mod problem;
mod replica;
mod samples;
mod schedule;
mod split;
mod start;
mod train;
mod trial;

pub use data::DataSpec;
pub use error::LabError;
pub use outcome::{End, LayerState, Outcome, Point, Score, Snapshot, Validation};
pub use problem::Problem;
pub use replica::Replica;
pub use schedule::{Decay, Schedule};
pub use train::{Watch, train};
pub use trial::{Record, Seeds, Trial, Trunk};
