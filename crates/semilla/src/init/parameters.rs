//! The types of parameters that are one of a few choices.

use serde::{Deserialize, Serialize};

pub use crate::fill::{Projection, StatePart};

/// Which fan a variance is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Inputs per output: keeps the forward variance.
    #[default]
    FanIn,
    /// Outputs per input: keeps the backward variance.
    FanOut,
    /// The arithmetic mean of both.
    FanAvg,
    /// The geometric mean of both.
    #[serde(alias = "fan_geo")]
    FanGeoAvg,
}

/// The axes along which a weight is mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sides {
    /// Outputs and inputs.
    #[default]
    Both,
    /// Outputs: the first layer.
    Outputs,
    /// Inputs: the layer after the last pair.
    Inputs,
}

/// The shape of a variance scaling's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A plain normal.
    #[serde(alias = "untruncated_normal")]
    Normal,
    /// A normal cut at two standard deviations, widened by 1/0.8796 so that the rest has the
    /// variance asked for.
    TruncatedNormal,
    /// Uniform around 0.
    Uniform,
}

/// The unit of a truncation's bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bounds {
    /// In standard deviations from the mean, as Keras and JAX count.
    #[default]
    Std,
    /// In the weights' own units, as PyTorch's `trunc_normal_` counts: at std 0.02 its ±2 cuts
    /// nothing.
    Absolute,
}
