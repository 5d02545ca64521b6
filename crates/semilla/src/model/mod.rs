//! A model as initialization sees it: named tensors, each with a role.

mod chain;
mod convention;
mod facts;
mod from_graph;
mod fused;
mod infer;
mod names;
mod residual;
mod role;
mod side;
mod source;
mod state_dict;
mod tensor;
mod written_out;

pub use chain::Chain;
pub(crate) use chain::{activated, hidden};
pub use convention::{Convention, MixedNames};
pub use facts::{Evidence, Facts};
pub use from_graph::graph_facts;
pub use fused::{Fused, Part};
pub(crate) use names::{Gate, directions_of, exponential_gate};
pub use role::{Role, UnknownRole};
pub use side::Side;
pub use source::Source;
pub use state_dict::Model;
pub use tensor::{BiasFanIn, Tensor};

pub use crate::network::{NetworkError as SpecError, Spec};
pub(crate) use written_out::activation_of;
