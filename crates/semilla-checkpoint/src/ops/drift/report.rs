//! What is said of weights and their start.

use serde::Serialize;

/// What training did to a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// The tensors that both have, in the plan's order.
    pub tensors: Vec<TensorDrift>,
    /// Tensors of the plan that the trained file does not have.
    pub missing: Vec<String>,
    /// Tensors that only the trained file has.
    pub added: Vec<String>,
    /// Tensors whose shapes differ.
    pub reshaped: Vec<Reshaped>,
}

/// A tensor whose shape is not its start's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reshaped {
    /// The name.
    pub name: String,
    /// The shape in the plan.
    pub start: Vec<usize>,
    /// The shape in the trained file.
    pub trained: Vec<usize>,
}

/// A tensor and its start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorDrift {
    /// The name.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// The number of elements.
    pub elements: u64,
    /// Elements that have the very bits of their start.
    pub unmoved: u64,
    /// Trained elements that are NaN or infinite. The numbers below make no sense where there are
    /// any, and are left out.
    pub not_finite: u64,
    /// The Euclidean norm of the start.
    pub start_norm: f64,
    /// The Euclidean norm of the difference.
    pub distance: f64,
    /// The norm of the difference, as a part of the start's; `None` where that is 0.
    pub moved: Option<f64>,
    /// The norm as a multiple of the start's; `None` where that is 0.
    pub norm_ratio: Option<f64>,
    /// The cosine between tensor and start; `None` where one of them is 0.
    pub cosine: Option<f64>,
    /// The greatest distance of an element from its start.
    pub largest: f64,
    /// The same by unit, of tensors with at least two axes.
    pub units: Option<UnitsDrift>,
    /// What the difference consists of, of matrices that moved.
    pub spectrum: Option<Spectrum>,
}

impl TensorDrift {
    /// Whether every element has the bits of its start.
    pub fn is_unmoved(&self) -> bool {
        self.unmoved == self.elements
    }

    /// Whether nothing in the difference stands out of noise.
    pub fn is_noise(&self) -> bool {
        self.spectrum
            .as_ref()
            .is_some_and(|found| found.beyond_noise == 0)
    }
}

/// The units of a tensor: the rows of a linear layer, the filters of a convolution, the words of an
/// embedding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitsDrift {
    /// The axis along which they lie.
    pub axis: usize,
    /// How many there are.
    pub count: usize,
    /// Those that have the very bits of their start.
    pub unmoved: Vec<usize>,
    /// The norms of their differences, as parts of their starts' norms.
    pub moved: Option<Range>,
    /// The cosines between units and their starts.
    pub cosine: Option<Range>,
    /// Each of them, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<UnitDrift>,
}

/// A unit and its start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct UnitDrift {
    /// The norm of the difference, as a part of the start's; `None` where that is 0.
    pub moved: Option<f64>,
    /// The norm as a multiple of the start's; `None` where that is 0.
    pub norm_ratio: Option<f64>,
    /// The cosine between unit and start; `None` where one of them is 0.
    pub cosine: Option<f64>,
}

/// The least, the middle and the greatest of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The median; the lower one of an even number.
    pub median: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Range {
    /// Of values that are finite; `None` if there are none.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (&least, &greatest) = (values.first()?, values.last()?);
        let median = values[(values.len() - 1) / 2];
        Some(Self {
            least,
            median,
            greatest,
        })
    }
}

/// What a difference consists of, as a matrix.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spectrum {
    /// The rows that were looked at: evenly spaced ones of a large matrix.
    pub rows: usize,
    /// Its columns.
    pub columns: usize,
    /// The largest singular values, at most 32: estimates from below, within a few percent where
    /// many are nearly equal.
    pub largest: Vec<f64>,
    /// The sum of all squared singular values over the largest one's square: a number of directions
    /// that does not hang on small ones (Rudelson and Vershynin 2007).
    pub stable_rank: f64,
    /// How many directions there are at all, to rounding; `None` if more than 32.
    pub numerical_rank: Option<usize>,
    /// The largest singular value that a matrix of independent numbers with the variance of the
    /// rest would have in 999 of 1000 cases (Marchenko and Pastur 1967; Johnstone 2001).
    pub noise_edge: f64,
    /// How many singular values are beyond that; at 32 there may be more. None means that the
    /// difference cannot be told from noise.
    pub beyond_noise: usize,
}
