//! The initializers: what a user names, with its formula, its defaults and its paper.
//!
//! An [`Initializer`] is a choice that does not yet know its tensor. Together with a tensor's shape, layout and place
//! it becomes a [`Fill`](crate::Fill), the concrete numbers that a plan records.
//!
//! ```
//! use semilla::{Tensor, init};
//!
//! let layer = Tensor::linear("fc.weight", 784, 256);
//! let weights: Vec<f32> = init::kaiming_normal().generate(&layer, 0)?;
//! assert_eq!(weights.len(), 256 * 784);
//! # Ok::<(), semilla::InitError>(())
//! ```

mod names;
mod parameters;
mod resolve;

pub use names::UnknownInitializer;
pub use parameters::*;
pub use resolve::{Context, InitError, Resolved};

use crate::dtype::Element;
use crate::model::Tensor;

/// Every initializer. In text, its name alone takes the defaults; as a table, parameters are given by name:
/// `"kaiming_normal"` or `{ kaiming_normal = { mode = "fan_out" } }`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// See [`Constant`].
    Constant(Constant),
    /// 0 everywhere.
    Zeros(Zeros),
    /// 1 everywhere.
    Ones(Ones),
    /// See [`Uniform`].
    Uniform(Uniform),
    /// See [`Normal`].
    Normal(Normal),
    /// See [`TruncNormal`].
    TruncNormal(TruncNormal),
    /// See [`Eye`].
    Eye(Eye),
    /// See [`Dirac`].
    Dirac(Dirac),
    /// See [`Sparse`].
    Sparse(Sparse),
    /// See [`VarianceScaling`].
    VarianceScaling(VarianceScaling),
    /// See [`XavierUniform`].
    XavierUniform(XavierUniform),
    /// See [`XavierNormal`].
    XavierNormal(XavierNormal),
    /// See [`KaimingUniform`].
    KaimingUniform(KaimingUniform),
    /// See [`KaimingNormal`].
    KaimingNormal(KaimingNormal),
    /// See [`LecunUniform`].
    LecunUniform(LecunUniform),
    /// See [`LecunNormal`].
    LecunNormal(LecunNormal),
    /// See [`BiasUniform`].
    BiasUniform(BiasUniform),
    /// See [`Orthogonal`].
    Orthogonal(Orthogonal),
    /// See [`ColumnOrthogonal`].
    ColumnOrthogonal(ColumnOrthogonal),
    /// See [`DeltaOrthogonal`].
    DeltaOrthogonal(DeltaOrthogonal),
    /// See [`Siren`].
    Siren(Siren),
    /// See [`Hadamard`].
    Hadamard(Hadamard),
    /// See [`LooksLinear`].
    LooksLinear(LooksLinear),
    /// See [`Icnr`].
    Icnr(Icnr),
    /// See [`Bilinear`].
    Bilinear(Bilinear),
    /// See [`GateBias`].
    GateBias(GateBias),
    /// See [`Chrono`].
    Chrono(Chrono),
    /// See [`Padded`].
    Padded(Padded),
    /// See [`Sinusoidal`].
    Sinusoidal(Sinusoidal),
    /// See [`RotaryFrequencies`].
    RotaryFrequencies(RotaryFrequencies),
    /// See [`S4d`].
    S4d(S4d),
    /// See [`MambaDtBias`].
    MambaDtBias(MambaDtBias),
    /// See [`Mimetic`].
    Mimetic(Mimetic),
    /// 0, 1, 2... along the last axis.
    Arange(Arange),
    /// The values that the model's own file holds.
    Keep(Keep),
    /// The values that a checkpoint gives.
    Pretrained(Pretrained),
}
