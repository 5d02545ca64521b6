//! Pretrained weights as an initializer: which tensor of a checkpoint goes where.
//!
//! [`Transfer`] holds the rules for one checkpoint: prefixes, renames, which tensors must load and
//! which may miss. [`align`](Transfer::align) applies them to names and shapes alone, and gives
//! every target tensor and every source tensor a fate before a byte is read. It is strict by
//! default: it is an error if a target has no source, unless it may miss; if a shape does not fit,
//! unless an operation ([`Op`]) makes it fit; and if two sources get the name of one target.
//!
//! ```
//! use semilla::{DType, Model, model::Convention, transfer::{Fate, Transfer}};
//!
//! let model = |names: &[&str]| {
//!     let tensor = |name: &&str| (name.to_string(), vec![4, 4], DType::F32);
//!     Model::infer(names.iter().map(tensor), Convention::Pytorch)
//! };
//! let target = model(&["bert.query.weight", "bert.key.weight", "head.weight"]);
//! let source = model(&["query.weight", "key.weight"]);
//! let rules = Transfer { may_miss: vec!["head.*".into()], ..Transfer::default() };
//! let alignment = rules.align(&target, &source, true)?;
//! assert_eq!(alignment.added, "bert."); // found, and reported
//! assert_eq!(alignment.fates[0].given().unwrap().note, "");
//! assert_eq!(alignment.fates[2], Fate::New);
//! # Ok::<(), semilla::transfer::TransferError>(())
//! ```

mod adapt;
mod align;
mod depth;
mod encoded;
mod error;
mod given;
mod offers;
mod parts;
mod prefixes;
mod propose;
mod provenance;
mod rename;
mod rules;
mod source;
mod supply;
mod unmet;
mod unused;

pub use crate::fill::{Along, Filter, Load, Resize, Run, Terms};
pub use adapt::{Adapt, Channels, Fused, Grow, Inflate, InvalidOp, NewRows, Op, Policy, Repeat};
pub use adapt::{Rotary, RowSource, Rows, Select, Shares, Structure};
pub use align::Alignment;
pub use depth::{Depth, LayerMap, LayerRule, NewLayers};
pub use error::TransferError;
pub use given::{Fate, Given};
pub use offers::Norms;
pub use parts::{Fuse, Split};
pub use prefixes::Prefixes;
pub use rules::Transfer;
pub use source::PlanSource;
pub use supply::{SourceTensor, Supply};
pub use unmet::Unmet;
pub use unused::Unused;

#[cfg(test)]
mod fixtures;
