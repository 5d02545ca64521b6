//! Runs graphs: a forward pass that is recorded, and the way back over its steps.

mod backward;
mod call;
mod datum;
mod fault;
mod forward;
mod operator;
mod samples;
mod sum;
mod trace;

pub(crate) use backward::Repeated;
pub(crate) use call::{Call, Made, Operand, Stand, affordable};
pub(crate) use datum::Value;
pub(crate) use operator::{Lying, Operator, Pass};
pub(crate) use sum::Sum;

pub use backward::Gradients;
pub use datum::{Datum, ValueId};
pub use fault::{Fault, Problem};
pub use forward::Changes;
pub use operator::Nature;
pub use trace::{Mode, Step, Trace};
