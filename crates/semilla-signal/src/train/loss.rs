//! Losses and their gradients.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::labels::Labels;
use super::network::Network;
use crate::array::{Array, around};
use crate::executor::Datum;
use crate::lanes::widest;
use crate::smooth;

/// A loss, averaged over samples and places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Softmax and the negative log-likelihood of the class. Classes lie along the last axis, or
    /// along the second where there are four axes or more.
    CrossEntropy,
    /// Cross-entropy of the next token, for outputs `[samples, length, vocabulary]`.
    NextToken,
    /// The mean of squared differences; from classes, of an output of 1 for the class and 0 for the
    /// others.
    Mse,
}

/// A loss and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    /// The loss.
    pub value: f64,
    /// What it would be on average if the output knew nothing of the labels: ln C + σ²/2 of C
    /// classes whose logits have the standard deviation σ within a place, E\[y²\] + E\[f²\] of
    /// numbers.
    pub expected: f64,
    /// What an output of zeros gives: ln C, E\[y²\].
    pub of_zeros: f64,
    /// The standard deviation of the output: of logits within a place, of numbers over all.
    pub spread: f64,
    /// Its gradient by the output.
    pub gradient: Array<f32>,
}

impl Loss {
    /// Every loss.
    pub const ALL: [Self; 3] = [Self::CrossEntropy, Self::NextToken, Self::Mse];

    /// The loss that fits labels best; without labels the next tokens of a network that takes
    /// words, else classes.
    pub fn usual(network: &Network<'_>, labels: Option<&Labels>) -> Self {
        let takes_words = || {
            network
                .inputs()
                .iter()
                .any(|(_, datum)| matches!(datum, Datum::Whole(_)))
        };
        match labels {
            Some(Labels::Classes(_)) => Self::CrossEntropy,
            Some(Labels::Values(_)) => Self::Mse,
            None if takes_words() => Self::NextToken,
            None => Self::CrossEntropy,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CrossEntropy => "cross-entropy",
            Self::NextToken => "next-token",
            Self::Mse => "mse",
        }
    }

    /// The loss of an output.
    ///
    /// # Errors
    /// An output or labels of the wrong shape.
    pub fn of(self, output: &Array<f32>, labels: &Labels) -> Result<Lost, TrainError> {
        let mut gradient = Array::filled(output.shape(), 0.0);
        let value = self.descend(output, labels, &mut gradient)?;
        let Blind {
            expected,
            of_zeros,
            spread,
        } = match (self, labels) {
            (Self::Mse, Labels::Values(values)) => Blind::of_numbers(output, values),
            (Self::Mse, Labels::Classes(classes)) => {
                Blind::of_numbers(output, &self.ones(output.shape(), classes)?)
            }
            (_, Labels::Classes(classes)) => self.blind(output, classes)?,
            (_, Labels::Values(_)) => return Err(self.takes_classes(output)),
        };
        Ok(Lost {
            value,
            expected,
            of_zeros,
            spread,
            gradient,
        })
    }

    /// The loss of an output alone; its gradient goes into an array of the output's shape.
    ///
    /// # Errors
    /// An output or labels of the wrong shape.
    pub(super) fn descend(
        self,
        output: &Array<f32>,
        labels: &Labels,
        gradient: &mut Array<f32>,
    ) -> Result<f64, TrainError> {
        match (self, labels) {
            (Self::Mse, Labels::Values(values)) => squares(output, values, gradient),
            (Self::Mse, Labels::Classes(classes)) => {
                squares(output, &self.ones(output.shape(), classes)?, gradient)
            }
            (_, Labels::Classes(classes)) => self.entropy(output, classes, gradient),
            (_, Labels::Values(_)) => Err(self.takes_classes(output)),
        }
    }

    /// How many labels its mean is over, in parts of a batch as in the whole.
    pub(super) fn counted(self, labels: &Labels) -> f64 {
        match (self, labels) {
            (_, Labels::Values(values)) => values.data().len() as f64,
            (Self::Mse, Labels::Classes(classes)) => classes.len() as f64,
            (_, Labels::Classes(classes)) => {
                classes.iter().filter(|&&class| class >= 0).count() as f64
            }
        }
    }

    fn takes_classes(self, output: &Array<f32>) -> TrainError {
        TrainError::Labels {
            shape: output.shape().to_vec(),
            problem: format!("{} takes classes, and they are numbers", self.name()),
        }
    }

    /// Random labels for an output of this shape.
    ///
    /// # Errors
    /// An output of the wrong shape.
    pub fn random_labels(self, shape: &[usize], seed: u64) -> Result<Labels, TrainError> {
        if self == Self::Mse {
            return Ok(Labels::random_values(shape, seed));
        }
        let (before, classes, after) = around(shape, self.axis(shape)?);
        Ok(Labels::random_classes(before * after, classes, seed))
    }

    /// The number of classes of an output of this shape.
    ///
    /// # Errors
    /// An output of the wrong shape.
    pub fn classes(self, output: &[usize]) -> Result<usize, TrainError> {
        Ok(output[self.axis(output)?])
    }

    /// The axis of the classes.
    fn axis(self, shape: &[usize]) -> Result<usize, TrainError> {
        let needs = match (self, shape.len()) {
            (Self::NextToken, 3) | (Self::CrossEntropy | Self::Mse, 2 | 3) => {
                return Ok(shape.len() - 1);
            }
            (Self::CrossEntropy | Self::Mse, 4..) => return Ok(1),
            (Self::NextToken, _) => "[samples, length, vocabulary]",
            _ => "[samples, classes], or more axes",
        };
        Err(TrainError::Output {
            loss: self.name(),
            needs,
            shape: shape.to_vec(),
        })
    }

    /// Where classes lie in an output whose shape fits the labels.
    fn places(self, shape: &[usize], labels: &[i64]) -> Result<Places, TrainError> {
        let (before, classes, after) = around(shape, self.axis(shape)?);
        let wrong = |problem: String| TrainError::Labels {
            shape: shape.to_vec(),
            problem,
        };
        if labels.len() != before * after {
            let problem = format!("{} labels for {} places", labels.len(), before * after);
            return Err(wrong(problem));
        }
        match labels.iter().find(|&&label| label >= classes as i64) {
            Some(label) => Err(wrong(format!(
                "the class {label} of {classes} (counted from 0)"
            ))),
            None => Ok(Places { classes, after }),
        }
    }

    /// 1 for each class, and 0 for the others.
    fn ones(self, shape: &[usize], labels: &[i64]) -> Result<Array<f32>, TrainError> {
        let places = self.places(shape, labels)?;
        let mut ones = Array::filled(shape, 0.0);
        for (place, &label) in labels.iter().enumerate() {
            if let Ok(label) = usize::try_from(label) {
                ones.data_mut()[places.at(place, label)] = 1.0;
            }
        }
        Ok(ones)
    }

    fn entropy(
        self,
        output: &Array<f32>,
        labels: &[i64],
        gradient: &mut Array<f32>,
    ) -> Result<f64, TrainError> {
        let Places { classes, after } = self.places(output.shape(), labels)?;
        let (output, gradient) = (output.data(), gradient.data_mut());
        // Compiled for rows that lie in one piece, which nearly all do, and for others.
        Ok(match after {
            1 => entropy_of(Places { classes, after: 1 }, output, labels, gradient),
            _ => entropy_of(Places { classes, after }, output, labels, gradient),
        })
    }

    /// What an output of classes would lose that knew nothing of the labels.
    fn blind(self, output: &Array<f32>, labels: &[i64]) -> Result<Blind, TrainError> {
        let places = self.places(output.shape(), labels)?;
        let Places { classes, after } = places;
        let counted = counted(labels);
        let mut variance = 0.0;
        for (place, _) in labels.iter().enumerate().filter(|&(_, &label)| label >= 0) {
            let first = places.at(place, 0);
            let logits = || output.data()[first..].iter().step_by(after).take(classes);
            let mean = logits().map(|&x| f64::from(x)).sum::<f64>() / classes as f64;
            let squares = logits()
                .map(|&x| (f64::from(x) - mean).powi(2))
                .sum::<f64>();
            variance += squares / classes as f64 / counted;
        }
        let of_zeros = (classes as f64).ln();
        Ok(Blind {
            expected: of_zeros + variance / 2.0,
            of_zeros,
            spread: variance.sqrt(),
        })
    }

    /// How many classes are right: those of the greatest output of their place.
    pub(super) fn right(self, output: &Array<f32>, labels: &[i64]) -> Result<usize, TrainError> {
        let places = self.places(output.shape(), labels)?;
        let is_right = |&(place, &label): &(usize, &i64)| {
            let at = |class: usize| output.data()[places.at(place, class)];
            let Ok(label) = usize::try_from(label) else {
                return false;
            };
            let own = at(label);
            // NaN is never right; of equals the first is taken.
            (0..places.classes).all(|class| match class < label {
                true => at(class) < own,
                false => at(class) <= own,
            })
        };
        Ok(labels.iter().enumerate().filter(is_right).count())
    }
}

/// Where classes lie in an output: along an axis of so many, with others behind it.
#[derive(Clone, Copy)]
struct Places {
    classes: usize,
    after: usize,
}

impl Places {
    /// The element of a class at one of the places that have a label.
    fn at(self, place: usize, class: usize) -> usize {
        let Self { classes, after } = self;
        (place / after * classes + class) * after + place % after
    }
}

/// The labels that count.
fn counted(labels: &[i64]) -> f64 {
    labels.iter().filter(|&&label| label >= 0).count().max(1) as f64
}

/// Logits this far below the greatest have no probability, instead of 1e-30 and less: subnormal
/// numbers, which such a gradient leads to, take a CPU a hundred times as long as others.
const FAINT: f32 = -69.0;

#[inline(always)]
fn power(x: f32) -> f32 {
    let power = smooth::exp(x);
    if x < FAINT { 0.0 } else { power }
}

/// The cross-entropy of outputs; its gradient goes into an array of their size.
#[inline(always)]
fn entropy_of(places: Places, output: &[f32], labels: &[i64], gradient: &mut [f32]) -> f64 {
    let Places { classes, after } = places;
    let counted = counted(labels);
    let row = |place: usize| {
        let first = places.at(place, 0);
        (first..first + classes * after).step_by(after)
    };
    let mut value = 0.0;
    for (place, &label) in labels.iter().enumerate() {
        let logits = row(place).map(|at| output[at]);
        // Of NaN either is taken: the sum is NaN, and so is the loss.
        let greater = |most: f32, x: f32| if x <= most { most } else { x };
        let most = logits.fold(f32::NEG_INFINITY, greater);
        row(place).for_each(|at| gradient[at] = output[at] - most);
        if let Ok(label) = usize::try_from(label) {
            value -= f64::from(gradient[places.at(place, label)]) / counted;
        }
    }
    // All at once, in whole registers.
    let powers = &mut *gradient;
    widest(move || powers.iter_mut().for_each(|x| *x = power(*x)));
    for (place, &label) in labels.iter().enumerate() {
        let Ok(label) = usize::try_from(label) else {
            row(place).for_each(|at| gradient[at] = 0.0);
            continue;
        };
        let sum: f64 = row(place).map(|at| f64::from(gradient[at])).sum();
        value += sum.ln() / counted;
        let factor = 1.0 / (sum * counted);
        let own = places.at(place, label);
        let slope = f64::from(gradient[own]) * factor - 1.0 / counted;
        row(place).for_each(|at| gradient[at] = (f64::from(gradient[at]) * factor) as f32);
        gradient[own] = slope as f32;
    }
    value
}

/// What an output would lose that knew nothing of the labels: as in [`Lost`].
struct Blind {
    expected: f64,
    of_zeros: f64,
    spread: f64,
}

impl Blind {
    fn of_numbers(output: &Array<f32>, labels: &Array<f32>) -> Self {
        let mean = |array: &Array<f32>, of: fn(f64) -> f64| {
            let values = array.data().iter().map(|&x| of(x.into()));
            values.sum::<f64>() / array.data().len().max(1) as f64
        };
        let of_zeros = mean(labels, |y| y * y);
        let square = mean(output, |f| f * f);
        let center = mean(output, |f| f);
        Self {
            expected: of_zeros + square,
            of_zeros,
            spread: (square - center * center).max(0.0).sqrt(),
        }
    }
}

fn squares(
    output: &Array<f32>,
    labels: &Array<f32>,
    gradient: &mut Array<f32>,
) -> Result<f64, TrainError> {
    if output.data().len() != labels.data().len() {
        return Err(TrainError::Labels {
            shape: output.shape().to_vec(),
            problem: format!("theirs is {:?}", labels.shape()),
        });
    }
    let count = output.data().len().max(1) as f64;
    let pairs = output.data().iter().zip(labels.data());
    let mut value = 0.0;
    for (slope, (&f, &y)) in gradient.data_mut().iter_mut().zip(pairs) {
        let difference = f64::from(f) - f64::from(y);
        value += difference * difference / count;
        *slope = (2.0 * difference / count) as f32;
    }
    Ok(value)
}

impl FromStr for Loss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let spelled = text.replace('_', "-");
        let found = Self::ALL.into_iter().find(|loss| loss.name() == spelled);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is no loss; choose one of {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gradient against differences of the loss.
    fn check(loss: Loss, shape: &[usize], labels: &Labels) {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count)
            .map(|i| ((i * 7 % 11) as f32 - 5.0) / 4.0)
            .collect();
        let output = Array::new(shape, values).unwrap();
        let lost = loss.of(&output, labels).unwrap();
        for at in 0..count {
            let moved = |by: f32| {
                let mut output = output.clone();
                output.data_mut()[at] += by;
                loss.of(&output, labels).unwrap().value
            };
            let expected = (moved(0.01) - moved(-0.01)) / 0.02;
            let found = f64::from(lost.gradient.data()[at]);
            assert!(
                (found - expected).abs() < 1e-4,
                "{loss:?} {at}: {found}, not {expected}"
            );
        }
    }

    #[test]
    fn gradients_are_those_of_the_values() {
        check(
            Loss::CrossEntropy,
            &[3, 4],
            &Labels::Classes(vec![1, -1, 3]),
        );
        check(
            Loss::CrossEntropy,
            &[2, 3, 2, 1],
            &Labels::Classes(vec![1, 0, 2, 2]),
        );
        let tokens = Array::new([2, 3], vec![0, 1, 2, 3, 3, 0]).unwrap();
        let next = Labels::next_tokens(&tokens);
        assert_eq!(next, Labels::Classes(vec![1, 2, -1, 3, 0, -1]));
        check(Loss::NextToken, &[2, 3, 4], &next);
        let values = Array::new([3, 1], vec![1.0, -1.0, 0.5]).unwrap();
        check(Loss::Mse, &[3, 1], &Labels::Values(values));
    }

    #[test]
    fn faint_probabilities_are_none() {
        let output = Array::new([2, 3], vec![0.0, -68.0, -70.0, 0.0, f32::NAN, 0.0]).unwrap();
        let lost = Loss::CrossEntropy
            .of(&output, &Labels::Classes(vec![0, 0]))
            .unwrap();
        let gradient = lost.gradient.data();
        assert!(gradient[1] > 1e-30 && gradient[2] == 0.0, "{gradient:?}");
        assert!(lost.value.is_nan() && gradient[3..].iter().all(|g| g.is_nan()));
    }

    #[test]
    fn what_is_expected_without_knowledge() {
        // 1000 places of 50 classes, logits of standard deviation 0.8, random labels.
        let mut output = Array::filled([1000, 50], 0.0f32);
        let Labels::Values(noise) = Labels::random_values(&[1000, 50], 7) else {
            panic!()
        };
        let scaled = noise.data().iter().map(|x| 0.8 * x);
        output
            .data_mut()
            .iter_mut()
            .zip(scaled)
            .for_each(|(x, noise)| *x = noise);
        let labels = Loss::CrossEntropy.random_labels(output.shape(), 3).unwrap();
        let lost = Loss::CrossEntropy.of(&output, &labels).unwrap();
        assert!((lost.spread - 0.8).abs() < 0.02, "{}", lost.spread);
        assert!((lost.value - lost.expected).abs() < 0.08, "{lost:?}");
        assert_eq!(lost.of_zeros, 50f64.ln());

        let zeros = Array::filled([4, 5], 0.0f32);
        let labels = Labels::Classes(vec![0, 1, 2, 4]);
        let lost = Loss::CrossEntropy.of(&zeros, &labels).unwrap();
        assert!((lost.value - 5f64.ln()).abs() < 1e-12);
        for labels in [vec![0, 1], vec![0, 1, 2, 5]] {
            assert!(
                Loss::CrossEntropy
                    .of(&zeros, &Labels::Classes(labels))
                    .is_err()
            );
        }
    }
}
