//! Weight initialization for neural networks, reproducible to the bit.
//!
//! **Every weight is a pure function of (seed, tensor name, element index, initializer).** There is no generator state, so
//! any number of threads, any shard, any order of layers and any CPU give the same values.
//!
//! An initializer in one line:
//!
//! ```
//! use semilla::{Tensor, init};
//!
//! let layer = Tensor::linear("encoder.fc1.weight", 784, 256); // PyTorch's [out, in]
//! let weights: Vec<f32> = init::xavier_uniform().generate(&layer, 42)?;
//! # Ok::<(), semilla::InitError>(())
//! ```
//!
//! A whole model, by a recipe. The [`Plan`] says which values every tensor gets, and why:
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
//! One shard of one tensor, without the rest:
//!
//! ```
//! use semilla::{Context, DType, Slice, Tensor, init, stream::Key};
//!
//! let tensor = Tensor::linear("fc.weight", 1024, 4096);
//! let fill = init::kaiming_normal().resolve(&tensor, &Context::default())?.fill;
//! let prepared = fill.prepare(Key::new(0, &tensor.name), &tensor.shape, DType::F32)?;
//! let shard = Slice::new([1024, 512], [1024, 512]);
//! let mut values = vec![0f32; 1024 * 512];
//! prepared.fill_slice(&shard, &mut values)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Writing files is the crate `semilla-checkpoint`'s part, the command `semilla-cli`'s.

pub mod activation;
mod distribution;
mod dtype;
mod expression;
mod fill;
mod gaussian;
mod glob;
pub mod graph;
pub mod init;
pub mod inspect;
pub mod junction;
mod layout;
pub mod lora;
pub mod matrix;
pub mod model;
pub mod number;
mod plan;
pub mod recipe;
pub mod stream;
mod suggest;
mod tie;
pub mod transfer;

pub use activation::Activation;
pub use distribution::{Distribution, DistributionError};
pub use dtype::{DType, Element, F8E4M3, F8E5M2, UnknownDType};
pub use expression::{ExpressionError, Scalar, Variable, Variables};
pub use fill::{BufferError, Fill, FillError, Prepared, Section, Slice, SliceError};
pub use graph::Graph;
pub use init::{Context, InitError, Initializer, Resolved};
pub use layout::{Axis, FanRule, Fans, Layout, LayoutError};
pub use lora::LoraInit;
pub use model::{BiasFanIn, Model, Role, Tensor};
pub use plan::{Disposition, Line, Plan, PlanError, Signal, Variance};
pub use recipe::{Recipe, RecipeError};
pub use stream::Sampler;
pub use tie::{Tie, TieError, check_ties};
pub use transfer::{Load, PlanSource, Supply, Transfer, TransferError};
