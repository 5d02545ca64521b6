//! Likely mistakes of a plan, found without running anything: each with its tensors, the reason in
//! numbers, and a remedy.
//!
//! [`lint`] looks at every line beside what the model says of its tensor. Nothing is changed, and a
//! scheme's own choices are no mistakes: [`Severity::Note`] is for what is true but may be meant,
//! [`Severity::Warning`] for what will likely hurt training.
//!
//! ```
//! use semilla::lint::{Rule, lint};
//! use semilla::{Recipe, init, model::Spec};
//!
//! let model = Spec::parse("mlp:784-256-256-10:relu")?;
//! let plan = Recipe::scheme(init::constant().value(0.1)).plan(&model, 0)?;
//! let findings = lint(&plan, &model, None);
//! assert_eq!(findings[0].rule, Rule::Symmetry); // all units of a layer compute the same
//! assert_eq!(lint(&Recipe::auto().plan(&model, 0)?, &model, None), []);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activations;
mod biases;
mod depth;
mod dropout;
mod embeddings;
mod fans;
mod finding;
mod heads;
mod kept;
mod precision;
mod rules;
mod subject;
mod symmetry;
mod truncation;
mod zeros;

pub use finding::{Finding, Rule, Severity};
pub use rules::lint;

#[cfg(test)]
mod tests;
