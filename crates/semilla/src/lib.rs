//! Weight initialization for neural networks.

pub mod activation;
mod distribution;
mod dtype;
mod expression;
mod fill;
pub mod gaussian;
pub mod init;
pub mod inspect;
mod layout;
pub mod matrix;
pub mod model;
mod plan;
pub mod recipe;
pub mod stream;
mod suggest;

pub use activation::Activation;
pub use distribution::{Distribution, DistributionError, Sampler};
pub use dtype::{DType, Element, F8E4M3, F8E5M2, UnknownDType};
pub use expression::{ExpressionError, Scalar, Variable, Variables};
pub use fill::{Fill, FillError, Prepared, Section, Slice, SliceError};
pub use init::{Context, InitError, Initializer, Resolved};
pub use layout::{Axis, FanRule, Fans, Layout, LayoutError};
pub use model::{BiasFanIn, Model, Role, Tensor};
pub use plan::{Decision, Line, Plan, PlanError, Signal, Variance};
pub use recipe::{Recipe, RecipeError};
