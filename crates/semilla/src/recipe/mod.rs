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
//! A rule by role also holds for a part of a fused weight: `role = "value"` for the values in a
//! `qkv`.
//!
//! Other keys of a rule:
//! - conditions: `ndim`, `dtype`, `side` (encoder, decoder, alone), `input` (the first layer of a
//!   chain), `branch` (inside a residual branch), `of` (the role of a bias's weight);
//! - facts about the tensors that it matches, where they are known better than by their names:
//!   `layout = "EIO"`, `set = { role = "conv", activation = "gelu" }`, `set = { fused = ... }`; a
//!   rule without `init` states these only;
//! - `fit = "lsuv"`: how its numbers are fitted to the network and its data, beside `init`; see
//!   [`Fit`](crate::Fit) for all;
//! - what the scheme scales besides: `lr = { adam = ..., sgd = ... }`, `multiplier`;
//! - `fans`, as at the top, for this rule;
//! - `optional = true`: it may match nothing.
//!
//! Other keys at the top:
//! - `extends = "llama-hf"`: a built-in recipe, or the path of a file relative to this one. Its
//!   rules come after the own ones. `fans`, `base_width`, `unmatched` and `defaults` are its own
//!   unless they are given again; `pretrained` tables come after the own ones, `tie` pairs are
//!   added unless a pair for the same tensor is given, and `defaults` come last of all. Only own
//!   rules must match something. After `extends = "auto"`, `auto` decides what no rule matches;
//! - `fans = "exact" | "pytorch" | "keras"`, `base_width`;
//! - `unmatched`: an initializer for the rest; `unused_rules = "allow"`;
//! - `tie`: pairs of names; the first tensor gets the second's bytes ([`Tie`](crate::Tie));
//! - tables `[[pretrained]]`: checkpoints that give tensors before the rules do
//!   ([`Transfer`](crate::Transfer)).

mod auto;
mod built_in;
mod by_role;
mod crossing;
mod decide;
mod decision;
mod definition;
mod document;
mod draft;
mod error;
mod extend;
mod last_resort;
mod library;
mod openings;
mod outputs;
mod parts;
mod remedy;
mod rule;
mod start;
mod words;

pub use by_role::ByRole;
pub(crate) use decision::{Decided, Decision, NO_RULE};
pub use definition::Recipe;
pub use error::RecipeError;
pub use extend::RecipeFile;

#[cfg(test)]
mod tests;
