//! The kinds of fill, as plain data.

use serde::{Deserialize, Serialize};

use super::along::Along;
use crate::distribution::Distribution;
use crate::layout::Layout;
use crate::stream::Key;

/// The values of one tensor: numbers only, with everything that an initializer decides decided.
///
/// As text (JSON, TOML) a fill is a table of one kind and its parameters, or the kind alone where
/// it has none: `{"constant": {"value": 0.5}}`, `{"normal": {"mean": 0.0, "std": 0.02}}`,
/// `"arange"`.
///
/// [`Display`](std::fmt::Display) shows the numbers that matter to a reader: `N(0, 0.02)`,
/// `U(±0.05)`.
#[derive(Clone, Debug, PartialEq)]
pub enum Fill {
    /// One value.
    Constant {
        /// The value.
        value: f64,
    },
    /// `gain` where row equals column, 0 elsewhere.
    Eye {
        /// The diagonal's value.
        gain: f64,
    },
    /// 1 at the kernel's centre of matching channels, per group.
    Dirac {
        /// The groups that pass through each.
        groups: usize,
        /// The tensor's axes.
        layout: Layout,
    },
    /// A normal matrix with `zeros` elements of each column zero.
    Sparse {
        /// The standard deviation of the rest.
        std: f64,
        /// Zeros per column.
        zeros: usize,
    },
    /// A semi-orthogonal matrix of `rows` rows in row-major order, Haar-distributed, times `gain`.
    Orthogonal {
        /// The factor.
        gain: f64,
        /// The rows of the flattened tensor.
        rows: usize,
    },
    /// The same fill for every index of the first axis, each with its own values.
    Stacked {
        /// The fill of each.
        of: Box<Fill>,
    },
    /// An orthogonal matrix at the kernel's centre, 0 around it.
    DeltaOrthogonal {
        /// The factor.
        gain: f64,
        /// The tensor's axes.
        layout: Layout,
    },
    /// Identity, partial identity or scaled Hadamard matrix, depending on the layer's widths.
    Hadamard {
        /// The tensor's axes.
        layout: Layout,
    },
    /// [W, -W; -W, W] with W orthogonal: [`Fill::Mirrored`] as earlier plans write it.
    LooksLinear {
        /// The factor.
        gain: f64,
    },
    /// A fill of half the size along some axes; the second half of each has the first one's values
    /// with the opposite sign. Of an odd size, the index in the middle has no counterpart.
    Mirrored {
        /// The axes.
        axes: Vec<usize>,
        /// The fill of the smaller tensor.
        of: Box<Fill>,
    },
    /// A fill from which the mean is taken at each index of an axis: weights that add up to 0 at
    /// each output.
    Centred {
        /// The axis.
        axis: usize,
        /// The fill.
        of: Box<Fill>,
    },
    /// A fill of a tensor `repeats` times smaller along an axis, each index repeated.
    Repeated {
        /// The axis.
        axis: usize,
        /// How many equal neighbours.
        repeats: usize,
        /// The fill of the smaller tensor.
        of: Box<Fill>,
    },
    /// The kernel of bilinear upsampling in matching channels.
    Bilinear {
        /// The tensor's axes.
        layout: Layout,
    },
    /// Sections along an axis, each with a fill and values of its own.
    Blocks {
        /// The axis.
        axis: usize,
        /// The sections, in order.
        sections: Vec<Section>,
        /// How often they take turns along the axis, with an equal share of each (head by head);
        /// 1 if they lie one after the other.
        turns: usize,
    },
    /// A fill with one row (of the first axis) zero.
    Padded {
        /// The row.
        row: usize,
        /// The fill of the other rows.
        of: Box<Fill>,
    },
    /// `sign` times the logarithm of a uniform value. Sections of one tensor at the same place
    /// within them share the uniform value, so that a forget gate and its input gate are opposite.
    LogUniform {
        /// The least value whose logarithm is taken.
        low: f64,
        /// The bound above it.
        high: f64,
        /// 1 or -1.
        sign: f64,
    },
    /// Positions as sines and cosines.
    Sinusoidal {
        /// The base of the wavelengths.
        base: f64,
        /// Sines in the first half of the columns, cosines in the second, instead of in turns.
        halves: bool,
    },
    /// base^(-2i/d).
    RotaryFrequencies {
        /// The base of the wavelengths.
        base: f64,
    },
    /// A diagonal state matrix, the state along the last axis.
    S4d {
        /// The part that the tensor stores.
        part: StatePart,
    },
    /// softplus⁻¹ of a log-uniform time step.
    MambaDtBias {
        /// The least time step.
        dt_min: f64,
        /// The greatest time step.
        dt_max: f64,
        /// Time steps are raised to this.
        floor: f64,
    },
    /// A factor of αZ ± βI, per head.
    Mimetic {
        /// The projection.
        part: Projection,
        /// The number of heads.
        heads: usize,
        /// The noise's weight.
        alpha: f64,
        /// The identity's weight.
        beta: f64,
        /// The key of the common noise.
        noise: Key,
        /// Whether the tensor is stored `[out, in]`.
        out_first: bool,
    },
    /// The norms of another tensor along all of its axes but one: the magnitudes of a
    /// weight-normalized layer, of which that tensor holds the directions.
    Norms {
        /// The axis that is kept.
        axis: usize,
        /// The other tensor's fill.
        of: Box<Fill>,
        /// Its shape.
        shape: Vec<usize>,
        /// Its key.
        key: Key,
    },
    /// Elements that are listed, in row-major order: biases and magnitudes that were fitted.
    Values {
        /// One for each element.
        values: Vec<f64>,
    },
    /// 0, 1, 2... along the last axis.
    Arange,
    /// The values that the model's own file holds.
    Keep,
    /// The values that a checkpoint holds.
    Load(Load),
    /// Independent elements of a distribution.
    Draw(Distribution),
}

impl Fill {
    /// Sections one after the other along an axis.
    pub fn in_a_row(axis: usize, sections: Vec<Section>) -> Self {
        Self::Blocks {
            axis,
            sections,
            turns: 1,
        }
    }
}

/// A part of a tensor along one axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its size along the axis.
    pub size: usize,
    /// Its values.
    pub fill: Fill,
}

/// Elements of a checkpoint's tensor on their way into one of the model: axes in a new order,
/// and along each axis a linear map from the source's indices to the target's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The checkpoint's place in the plan's list.
    pub source: usize,
    /// The tensor's name in it.
    pub tensor: String,
    /// The shape in which the tensor's elements are taken, in row-major order; empty for its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub view: Vec<usize>,
    /// For each of the target's axes the source's; empty where the order is the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permute: Vec<usize>,
    /// For each of the target's axes how its indices come from the source's; empty where all of
    /// the source is, in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<Along>,
    /// Makes the rows that no run of the first axis reaches like the others: the mean of all the
    /// source's rows, and a normal deviation with their covariance times this factor (0 for the
    /// mean itself).
    ///
    /// Such a row is mean + √factor · N^(-1/2) Σᵢ zᵢ (rowᵢ - mean) with independent standard
    /// normal zᵢ, which has exactly the rows' mean and covariance, without that matrix ever being
    /// made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alike: Option<f64>,
    /// The fill of the elements that nothing else reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Box<Fill>>,
}

/// The part of the S4D state matrix that a tensor stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatePart {
    /// log(n + 1): Mamba's `A_log`, S4D-Real.
    #[default]
    ALog,
    /// -(n + 1): S4D-Real itself.
    Real,
    /// log ½: S4D-Lin's real part, as stored.
    LinLogReal,
    /// πn: S4D-Lin's imaginary part.
    LinImaginary,
}

/// Which of attention's four projections a mimetic weight is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// The query projection.
    #[default]
    Query,
    /// The key projection.
    Key,
    /// The value projection.
    Value,
    /// The output projection.
    Output,
}
