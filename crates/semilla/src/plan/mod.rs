//! The plan: one line per tensor that says which values it gets, and why.
//!
//! A [`Plan`] is plain data between two halves: what comes before decides (a
//! [`Recipe`](crate::Recipe), checkpoints), what comes after executes. It is printed, saved as
//! JSON, edited, compared, and replayed to the same bytes.
//!
//! ```
//! use semilla::{Recipe, init, model::Spec};
//!
//! let model = Spec::parse("mlp:784-256-10:relu")?;
//! let mut plan = Recipe::named("auto")?.plan(&model, 0)?;
//! plan.set(&model, "layers.1.weight", init::zeros())?;
//! println!("{plan}");
//!
//! let line = plan.line("layers.0.weight").expect("a tensor of the model");
//! let weights: Vec<f32> = line.prepare()?.to_vec()?;
//! assert_eq!(weights.len(), 784 * 256);
//! assert_eq!(line.to_bytes()?.len(), 4 * 784 * 256);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asks;
mod check;
mod disposition;
mod edit;
mod error;
mod fitted;
mod format;
mod groups;
mod line;
mod make;
mod recipe;
mod scales;
mod show;
mod signal;
mod stack;
mod surroundings;
mod tie;

pub use disposition::Disposition;
pub use error::PlanError;
pub use fitted::{Change, Fitted};
pub use format::Plan;
pub use groups::OptimizerGroup;
pub use line::Line;
pub use signal::{Signal, Variance};
pub use stack::Stack;
pub(crate) use surroundings::context_of;

#[cfg(test)]
mod tests;
