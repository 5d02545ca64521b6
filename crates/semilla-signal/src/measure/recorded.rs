//! Activations and gradients that somebody else recorded, such as hooks on a PyTorch module.

use super::directions::directions;
use super::histogram::Histogram;
use super::measurement::{Layer, Measurement, Point};
use super::statistics::{Backward, Forward, scale_felt};
use crate::array::Array;

/// What was recorded of a layer. Samples lie along first axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The name of its weight.
    pub weight: String,
    /// What it made, the bias added: the pre-activations.
    pub output: Array<f32>,
    /// What the activation made of that.
    pub activated: Option<Array<f32>>,
    /// The gradient of the output.
    pub gradient: Option<Array<f32>>,
    /// The gradient of the weight. Its axes tell a convolution from a linear layer.
    pub weight_gradient: Option<Array<f32>>,
}

impl Recorded {
    /// Whether the units lie along the second axis and not along the last.
    fn is_convolution(&self) -> bool {
        match &self.weight_gradient {
            Some(weight) => weight.rank() > 2,
            None => self.output.rank() > 3,
        }
    }

    /// The axis of the units.
    fn units(&self) -> usize {
        match self.is_convolution() {
            true => 1,
            false => self.output.rank().saturating_sub(1),
        }
    }

    fn backward(&self) -> Option<Backward> {
        let gradient = self.gradient.as_ref();
        gradient.map(|gradient| Backward::of(gradient, self.units()))
    }

    fn layer(&self) -> Layer {
        Layer {
            weight: self.weight.clone(),
            operator: match self.is_convolution() {
                true => "Conv".to_owned(),
                false => "Linear".to_owned(),
            },
            forward: Forward::of(&self.output),
            activated: self.activated.as_ref().map(Forward::of),
            backward: self.backward(),
            weight_gradient: self.weight_gradient.as_ref().map(Array::mean_square),
            scale_felt: (self.gradient.as_ref())
                .and_then(|gradient| scale_felt(&self.output, gradient, self.units())),
            histogram: Histogram::of(&self.output),
            gradient_histogram: self.gradient.as_ref().and_then(Histogram::of),
        }
    }

    fn point(&self) -> Point {
        Point {
            after: self.weight.clone(),
            forward: Forward::of(&self.output),
            directions: directions(&self.output),
            gradient: self
                .backward()
                .map_or(0.0, |backward| backward.squared_norm),
        }
    }
}

impl Measurement {
    /// The measurement of layers that were recorded, in the order in which they ran.
    ///
    /// `path` are the arrays through which all signals go, such as the outputs of residual blocks,
    /// each named by a layer before it. Without any, the network is taken for a plain one, whose
    /// layers are the path. The last layer makes the output, and is no part of the path.
    ///
    /// ```
    /// use semilla_signal::{Array, Measurement, Recorded, Report};
    ///
    /// let layer = |weight: &str, scale: f32| {
    ///     let values = |at| ((at * 7 % 11) as f32 - 5.0) * scale;
    ///     let array = Array::new([4, 6], (0..24).map(values).collect());
    ///     Recorded {
    ///         weight: weight.to_owned(),
    ///         output: array.clone().unwrap(),
    ///         activated: None,
    ///         gradient: array,
    ///         weight_gradient: None,
    ///     }
    /// };
    /// // The second layer's signal and gradient are a thousandth of the first's.
    /// let layers = [layer("a", 1.0), layer("b", 1e-3), layer("c", 1.0)];
    /// let report: Report = vec![Measurement::recorded(&layers, &[])].into();
    /// assert!(!report.verdict.passes);
    /// ```
    pub fn recorded(layers: &[Recorded], path: &[Recorded]) -> Self {
        let plain = layers.split_last().map_or(layers, |(_, before)| before);
        let path = if path.is_empty() { plain } else { path };
        let nothing = Array::filled([0], 0.0f32);
        Self {
            layers: layers.iter().map(Recorded::layer).collect(),
            path: path.iter().map(Recorded::point).collect(),
            output: Forward::of(layers.last().map_or(&nothing, |last| &last.output)),
            output_gradient: layers.last().map_or(0.0, |last| last.point().gradient),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Verdict;

    /// Squared gradients that differ 40,000-fold: too many, unless a normalization takes scales away,
    /// so that what a unit makes and its gradient add up to 0.
    #[test]
    fn normalized_layers_bear_gradients_that_differ() {
        let verdict = |is_normalized: bool| {
            let layer = |weight: &str, scale: f32| {
                let output = (0..32).map(|at| ((at * 7 % 11) as f32 - 5.0) / 4.0 + 2.0);
                let output = Array::new([4, 8], output.collect()).unwrap();
                let sign = |at: usize| match is_normalized {
                    true => [1.0, -1.0][at / 8 % 2],
                    false => 1.0,
                };
                let gradient = output.data().iter().enumerate();
                let gradient = gradient.map(|(at, x)| scale * sign(at) / x);
                Recorded {
                    weight: weight.to_owned(),
                    gradient: Array::new([4, 8], gradient.collect()),
                    output,
                    activated: None,
                    weight_gradient: Some(Array::filled([8, 8], scale)),
                }
            };
            let layers = [
                layer("a", 200.0),
                layer("b", 14.0),
                layer("c", 1.0),
                layer("d", 1.0),
            ];
            Verdict::of(&[Measurement::recorded(&layers, &[])])
        };
        let (normalized, plain) = (verdict(true), verdict(false));
        assert!(normalized.passes, "{}", normalized.sentence);
        assert!(!plain.passes, "{}", plain.sentence);
        assert_eq!(normalized.log_gradients, plain.log_gradients);
        let lost = [&normalized, &plain].map(|verdict| verdict.trouble.unwrap().total);
        assert!(lost[0] < lost[1] - 5.0, "{lost:?}");
    }
}
