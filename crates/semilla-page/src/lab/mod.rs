//! The lab: a learner sets a network and how it may start, and watches it train.

mod choice;
mod recipe;
mod setup;
mod start;
mod story;

pub use setup::Setup;
