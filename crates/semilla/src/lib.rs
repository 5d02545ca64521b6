//! Weight initialization for neural networks, reproducible to the bit.
//!
//! **Every weight is a pure function of (seed, tensor name, element index, initializer, element
//! type).** There is no generator state: any number of threads, any shard, any order of layers and
//! any CPU give the same bits. (f64 has a stream of its own; f16, bf16 and f8 are the rounded f32
//! values.)
//!
//! # One tensor
//!
//! [`init`] has all initializers, with the names and defaults of PyTorch, Keras and JAX:
//!
//! ```
//! use semilla::{Tensor, init, init::Mode::FanOut};
//!
//! let layer = Tensor::linear("encoder.fc1.weight", 784, 256); // PyTorch's [out, in]
//! let weights: Vec<f32> = init::xavier_uniform().generate(&layer, 42)?;
//! let others: Vec<f32> = init::kaiming_normal().mode(FanOut).generate(&layer, 42)?;
//! # Ok::<(), semilla::InitError>(())
//! ```
//!
//! # A whole model
//!
//! A [`Recipe`] decides by rules, and the [`Plan`] says which values every tensor gets, and why:
//!
//! ```
//! use semilla::{Recipe, model::Spec};
//!
//! let model = Spec::parse("transformer:12x768:50257:gelu")?;
//! let plan = Recipe::named("gpt2")?.plan(&model, 0)?;
//! let line = plan.line("blocks.0.attn.proj.weight").expect("a tensor of the model");
//! assert_eq!(line.std, Some(0.02 / 24f64.sqrt()));
//! println!("{}: {}", line.name, line.reason);
//! let weights: Vec<f32> = line.prepare()?.to_vec()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A slice of one tensor
//!
//! Such as one process's shard, without the rest:
//!
//! ```
//! use semilla::{Model, Recipe, Slice, Tensor};
//!
//! let tensors = vec![Tensor::linear("fc.weight", 1024, 4096)];
//! let model = Model { tensors, ..Model::default() };
//! let plan = Recipe::named("auto")?.plan(&model, 0)?;
//! let mut values = vec![0f32; 1024 * 512];
//! let shard = Slice::new([1024, 512], [1024, 512]);
//! plan.tensors[0].prepare()?.fill_slice(&shard, &mut values)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Further
//!
//! - Likely mistakes of a plan: [`lint`].
//! - Gains, χ₁ and the edge of chaos of an activation: [`activation`].
//! - Pretrained weights aligned with a model: [`transfer`]; LoRA factors: [`lora`].
//! - Files: the crate `semilla-checkpoint`, whose `ops` are what the command `semilla` does.

pub mod activation;
pub mod container;
mod distribution;
mod dtype;
pub mod encoding;
mod expression;
pub mod family;
mod fill;
mod fit;
mod formula;
pub mod gaussian;
mod glob;
pub mod graph;
pub mod init;
pub mod inspect;
pub mod junction;
mod layout;
pub mod lint;
pub mod lora;
pub mod matrix;
pub mod model;
pub mod network;
pub mod number;
pub mod plan;
pub mod recipe;
pub mod scheme;
pub mod stream;
mod suggest;
mod tie;
pub mod transfer;

pub use activation::Activation;
pub use distribution::{Distribution, DistributionError};
pub use dtype::{DType, Element, F8E4M3, F8E5M2, UnknownDType};
pub use expression::{ExpressionError, Scalar, Variable, Variables};
pub use fill::{BufferError, Fill, FillError, Prepared, Section, Slice, SliceError};
pub use fit::Fit;
pub use glob::glob_match;
pub use graph::Graph;
pub use init::{Context, InitError, Initializer, Resolved};
pub use layout::{Axis, FanRule, Fans, Layout, LayoutError};
pub use lora::LoraInit;
pub use model::{BiasFanIn, Model, Role, Tensor};
pub use plan::{Disposition, Line, OptimizerGroup, Plan, PlanError, Signal, Stack, Variance};
pub use recipe::{Recipe, RecipeError};
pub use scheme::Scheme;
pub use stream::Sampler;
pub use tie::{Tie, TieError, check_ties};
pub use transfer::{Load, PlanSource, Supply, Transfer, TransferError};
