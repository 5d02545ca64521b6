//! Recipes: ordered rules that choose an initializer for every tensor.
//!
//! A recipe is TOML. The first rule whose conditions all hold decides; a tensor that no rule
//! matches and a rule that matches nothing are errors unless the recipe says otherwise.
//!
//! ```toml
//! name = "mine"
//! # After the rules below: biases 0, norms 1 and 0, buffers as they must be.
//! defaults = true
//!
//! [[rule]]
//! match = "*.c_proj.weight"            # or a list; or regex = "..."
//! init = { normal = { std = "0.02 / sqrt(2 * layers)" } }
//! reason = "outputs of residual branches"
//!
//! [[rule]]
//! role = ["matrix", "embedding"]       # roles, or the groups matrix, attention, residual_output
//! init = { normal = { std = 0.02 } }
//! ```
//!
//! Other keys of a rule:
//! - conditions: `ndim`, `dtype`;
//! - facts about the tensors that it matches, where they are known better than by their names:
//!   `layout = "EIO"`, `set = { role = "conv", activation = "gelu" }`;
//! - `optional = true`: it may match nothing.
//!
//! Other keys at the top:
//! - `fans = "exact" | "pytorch" | "keras"`, `base_width`;
//! - `unmatched`: an initializer for the rest; `unused_rules = "allow"`;
//! - `tie`: pairs of names; the first tensor gets the second's bytes ([`Tie`](crate::Tie));
//! - tables `[[pretrained]]`: checkpoints that give tensors before the rules do
//!   ([`Transfer`](crate::Transfer)).

mod auto;
mod built_in;
mod decide;
mod decision;
mod document;
mod error;
mod library;
mod rule;

pub use decide::Recipe;
pub(crate) use decision::{Decided, Decision};
pub use error::RecipeError;

#[cfg(test)]
mod tests;
