//! Initializes low-rank adapters (LoRA) from the weight that they adapt.
//!
//! An adapted layer computes with W + s B A: W is the frozen weight `[out, in]`, B `[out, r]` and
//! A `[r, in]` are trained, and s is α / r (Hu et al. 2021, section 4.1) or α / √r (Kalajdzievski
//! 2023). Training starts from the pretrained model only if B A is zero, or if the residual
//! W - s B A replaces W. Nothing here changes a weight: a residual is returned beside the factors.
//!
//! The definitions are those of peft 0.21.2: the same values where they follow from the weight, the
//! same distributions where they are random. [`LoraInit`] describes each.
//!
//! ```
//! use semilla::lora::{LoraInit, Rank};
//! use semilla::stream::Key;
//!
//! let weight = [3.0, 0.0, 0.0, 0.0, 2.0, 0.0]; // [2, 3]
//! let rank = Rank::new(1, 1.0)?;
//! let factors = LoraInit::Pissa.factors(&weight, [2, 3], rank, Key::new(0, "fc.lora_A.weight"))?;
//! let root = 3f32.sqrt();
//! assert_eq!((factors.a, factors.b), (vec![root, 0.0, 0.0], vec![root, 0.0]));
//! let residual = factors.residual.expect("PiSSA has one");
//! assert!(residual[0].abs() < 1e-6 && residual[4] == 2.0);
//! # Ok::<(), semilla::lora::LoraError>(())
//! ```

mod error;
mod factors;
mod init;
mod rank;
mod target;
mod weight;

pub use error::LoraError;
pub use factors::Factors;
pub use init::{LoraInit, UnknownLoraInit};
pub use rank::Rank;
pub use target::{Target, TargetError};
