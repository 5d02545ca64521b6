//! What a scheme asks of a model and of its training, beyond the weights themselves.
//!
//! muP scales learning rates and outputs, DeepNorm multiplies the residual stream, Fixup and
//! T-Fixup want no normalizations. A recipe says so as data (`lr` and `multiplier` of a rule, tables
//! `[[ask]]`, the list `needs`), and a plan holds the numbers for its model: [`Scheme`] for the
//! whole, [`Rates`] and a multiplier for each tensor.

mod ask;
mod condition;
mod demands;
mod rates;

pub use ask::{Ask, AskFormula, Subject};
pub(crate) use condition::Asked;
pub use condition::{Condition, Unmet};
pub use demands::Scheme;
pub use rates::{Optimizer, RateFormulas, Rates};
