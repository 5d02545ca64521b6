//! Lays a checkpoint's list of tensors beside a model's.
//!
//! In steps: every glob must match ([`globs`]); the checkpoint's tensors get new names
//! ([`naming`]); each target's fate is decided ([`ledger`]), and the rules that had an effect are
//! counted ([`tally`]); enough of the model must be covered ([`coverage`]).

mod alignment;
mod coverage;
mod globs;
mod ledger;
mod naming;
mod tally;

pub use alignment::Alignment;

#[cfg(test)]
mod tests;
