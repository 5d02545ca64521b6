//! Trains the same network from many initializations, side by side and reproducibly.
//!
//! A [`Trial`] is a small JSON that describes one training completely; its [`Outcome`] is a
//! function of it alone: the same bytes on any number of threads, alone or beside others.
//! [`Problem`] is what trials share (model, data, loss), [`train`] carries many out on all cores,
//! and [`Replica`] is a single one that can be looked at on the way.
//!
//! [`compare`] carries a [`Protocol`] out: which of several [`Start`]s is better, by how much, and
//! whether that is any evidence. It answers a [`Comparison`], which is plain data; a [`Store`] keeps
//! what was trained.
//!
//! The first weights are those of the recipe's plan, so that whatever
//! [`semilla`] can make, fit on data or load can be compared.

mod comparison;
mod data;
mod error;
mod hash;
mod order;
mod outcome;
mod plans;
mod problem;
mod replica;
mod samples;
mod schedule;
mod split;
mod start;
pub mod statistics;
mod store;
mod sweep;
mod train;
mod trial;

pub use comparison::{
    Arm, Basin, Caveat, Comparison, Cost, DataSummary, Grid, Measure, Predicted, Protocol, Pruned,
    Purpose, Run, Searched, Verdict, Why,
};
pub use data::{DataSpec, Seen};
pub use error::LabError;
pub use outcome::{End, LayerState, Outcome, Point, Score, Snapshot, Validation};
pub use problem::Problem;
pub use replica::Replica;
pub use schedule::{Decay, Schedule};
pub use store::{Owner, Store, StoreError};
pub use sweep::{
    CompareError, Engine, Event, Follow, Local, Settings, Start, Workers, compare, protocol,
};
pub use train::{Watch, train};
pub use trial::{Record, Seeds, Trial, Trunk};
