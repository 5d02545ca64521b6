//! A model as initialization sees it: named tensors, each with a role.

mod convention;
mod infer;
mod names;
mod role;
mod spec;
mod state_dict;
mod tensor;

pub use convention::{Convention, MixedNames};
pub use role::{Role, UnknownRole};
pub use spec::{Spec, SpecError};
pub use state_dict::Model;
pub use tensor::{BiasFanIn, Tensor};
