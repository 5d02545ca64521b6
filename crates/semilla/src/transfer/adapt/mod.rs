//! Operations that make a checkpoint's tensor fit one of the model, axis by axis.
//!
//! A [`Draft`] is a load in the making: it records which axes are settled, by which operations, and
//! what each operation keeps true. An [`Op`] settles the axes that it is about.

mod bias_table;
mod channels;
mod draft;
mod grammar;
mod grid;
mod inflate;
mod op;
mod overlap;
mod patch;
mod positions;
mod reshape;
mod rotary;
mod rows;
mod rule;
mod width;

pub use channels::Channels;
pub(super) use draft::Draft;
pub use grammar::InvalidOp;
pub use inflate::Inflate;
pub use op::Op;
pub use rotary::Rotary;
pub use rows::{NewRows, RowSource, Rows};
pub use rule::Adapt;
pub use width::{Fused, Grow, Policy, Repeat, Select, Shares, Structure};
