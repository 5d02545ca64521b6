//! What comes of a trial.

use semilla_signal::Histogram;
use serde::{Deserialize, Serialize};

/// What comes of a trial. It holds no times, so that it is the same bytes wherever it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The trial's [`id`](crate::Trial::id).
    pub trial: String,
    /// How the training ended.
    pub end: End,
    /// The training loss over the steps.
    pub curve: Vec<Point>,
    /// The validation set over the steps, the last one at the end; empty if the training diverged
    /// before the first.
    pub validations: Vec<Validation>,
    /// The test set at the end; `None` if the training diverged.
    pub test: Option<Score>,
    /// The layers over the steps, where the trial asks for them.
    pub layers: Vec<Snapshot>,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All steps were taken.
    Finished,
    /// The loss was not finite, or grew beyond all measure.
    Diverged {
        /// At this step, counted from 0.
        step: u64,
    },
}

/// A point of the training curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps that were taken.
    pub step: u64,
    /// The mean of the loss over the steps since the last point, before each step.
    pub loss: f64,
}

/// A measurement on the validation set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Steps that were taken.
    pub step: u64,
    /// What was measured.
    #[serde(flatten)]
    pub score: Score,
}

/// How well a network does on a set of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The mean loss.
    pub loss: f64,
    /// The part of the classes that are right; `None` where labels are numbers.
    pub accuracy: Option<f64>,
}

/// The layers at one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Steps that were taken.
    pub step: u64,
    /// The layers, in the order in which they run.
    pub layers: Vec<LayerState>,
}

/// A layer at one step, on the batch of that step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerState {
    /// The name of its weight.
    pub weight: String,
    /// The mean of the pre-activations.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
    /// The standard deviation of what the activation makes of them, if one follows.
    pub activated: Option<f64>,
    /// The root mean square of the gradients of the pre-activations.
    pub gradient: f64,
    /// The root mean square of the gradients of the weight.
    pub weight_gradient: f64,
    /// The part of its units that get no gradient from any sample.
    pub dead: f64,
    /// How the pre-activations are distributed.
    pub histogram: Option<Histogram>,
    /// How their gradients are distributed.
    pub gradient_histogram: Option<Histogram>,
}

impl LayerState {
    /// Whether all of its numbers are finite.
    pub fn is_finite(&self) -> bool {
        let numbers = [
            self.mean,
            self.std,
            self.gradient,
            self.weight_gradient,
            self.dead,
        ];
        let mut numbers = numbers.into_iter().chain(self.activated);
        numbers.all(f64::is_finite)
    }
}

impl Outcome {
    /// Reads an outcome.
    ///
    /// # Errors
    /// No JSON of an outcome.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The outcome as JSON of one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The validation score at the end; `None` if the training diverged.
    pub fn validation(&self) -> Option<Score> {
        match self.end {
            End::Finished => self.validations.last().map(|last| last.score),
            End::Diverged { .. } => None,
        }
    }
}
