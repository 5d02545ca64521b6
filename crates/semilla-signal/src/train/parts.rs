//! Batches in parts that stay in the cache.

use std::borrow::Cow;

use super::labels::Labels;
use super::loss::Loss;
use crate::array::{Array, size};
use crate::executor::{Datum, Trace};

/// The inputs of a network by their names.
pub(super) type Inputs = Vec<(String, Datum<f32>)>;

/// Samples that pass through a network together.
pub(super) struct Part<'a> {
    pub(super) inputs: Inputs,
    pub(super) labels: Cow<'a, Labels>,
    /// The part of the batch's mean loss that theirs is.
    pub(super) weight: f64,
}

/// A batch in parts of so many samples, if they are a part of it; else as a whole.
pub(super) fn parts(
    inputs: Inputs,
    labels: &Labels,
    share: Option<usize>,
    loss: Loss,
) -> Vec<Part<'_>> {
    let samples = inputs.first().and_then(|(_, datum)| datum.shape().first());
    let samples = samples.copied().unwrap_or(0);
    let count = share.map_or(1, |share| samples / share.max(1));
    let labelled = match labels {
        Labels::Classes(classes) => classes.len(),
        Labels::Values(values) => values.shape().first().copied().unwrap_or(0),
    };
    if count <= 1 || !samples.is_multiple_of(count) || !labelled.is_multiple_of(samples) {
        return vec![Part {
            inputs,
            labels: Cow::Borrowed(labels),
            weight: 1.0,
        }];
    }
    let counted = loss.counted(labels).max(1.0);
    let part = |place: usize| {
        let labels = match labels {
            Labels::Classes(classes) => {
                let len = classes.len() / count;
                Labels::Classes(classes[place * len..][..len].to_vec())
            }
            Labels::Values(values) => Labels::Values(taken(values, place, count)),
        };
        Part {
            inputs: part_of(&inputs, place, count),
            weight: loss.counted(&labels) / counted,
            labels: Cow::Owned(labels),
        }
    };
    (0..count).map(part).collect()
}

/// One of so many equal parts of a batch.
pub(super) fn part_of(inputs: &[(String, Datum<f32>)], place: usize, count: usize) -> Inputs {
    let inputs = inputs.iter().map(|(name, datum)| {
        let part = match datum {
            Datum::Float(array) => Datum::Float(taken(array, place, count)),
            Datum::Whole(array) => Datum::Whole(taken(array, place, count)),
        };
        (name.clone(), part)
    });
    inputs.collect()
}

/// One of so many equal parts of the first axis.
fn taken<A: Copy>(array: &Array<A>, place: usize, count: usize) -> Array<A> {
    let mut shape = array.shape().to_vec();
    shape[0] /= count;
    let len = size(&shape);
    Array::new(shape, array.data()[place * len..][..len].to_vec()).expect("a part of the elements")
}

/// Elements of activations that stay in the cache with their gradients.
const NEAR: usize = 1 << 18;

/// How many samples of a batch should pass at a time, if they stay apart: as many as stay in the
/// cache, and enough to be worth reading the weights for.
pub(super) fn share(trace: &Trace<f32>, samples: usize) -> usize {
    let Some(len) = trace.sample_len().filter(|&len| len > 0) else {
        return samples;
    };
    let weights = trace.weights().iter();
    let weights: usize = weights.map(|&(_, id)| trace.array(id).data().len()).sum();
    let most = (NEAR.max(2 * weights) / len).clamp(1, samples);
    let share = (1..=most)
        .rev()
        .find(|&share| samples.is_multiple_of(share));
    // Batches of a prime number of samples have no parts.
    share.filter(|share| 2 * share > most).unwrap_or(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(samples: usize) -> Inputs {
        let x = Array::new([samples, 2], (0..2 * samples).map(|i| i as f32).collect());
        vec![("x".to_owned(), Datum::Float(x.unwrap()))]
    }

    #[test]
    fn parts_weigh_what_their_labels_count() {
        let labels = Labels::Classes(vec![1, -1, 0, -1, 2, 0]);
        let found = parts(inputs(6), &labels, Some(2), Loss::CrossEntropy);
        let weights: Vec<f64> = found.iter().map(|part| part.weight).collect();
        assert_eq!(weights, [0.25, 0.25, 0.5]);
        assert_eq!(*found[1].labels, Labels::Classes(vec![0, -1]));
        let Datum::Float(x) = &found[1].inputs[0].1 else {
            panic!()
        };
        assert_eq!(
            (x.shape(), x.data()),
            (&[2, 2][..], &[4.0, 5.0, 6.0, 7.0][..])
        );
        let found = parts(inputs(6), &labels, Some(3), Loss::Mse);
        assert!(found.iter().all(|part| part.weight == 0.5));
        let values = Labels::Values(Array::filled([6, 3], 1.0));
        let found = parts(inputs(6), &values, Some(1), Loss::Mse);
        assert_eq!(found.len(), 6);
        assert_eq!(*found[5].labels, Labels::Values(Array::filled([1, 3], 1.0)));
    }

    #[test]
    fn what_does_not_divide_is_one_part() {
        let classes = |count: usize| Labels::Classes(vec![0; count]);
        for (samples, labels, share) in [
            (6, 6, None),
            (6, 6, Some(6)),
            (5, 5, Some(2)),
            (6, 5, Some(2)),
        ] {
            let labels = classes(labels);
            let found = parts(inputs(samples), &labels, share, Loss::CrossEntropy);
            assert_eq!((found.len(), found[0].weight), (1, 1.0));
            assert_eq!(*found[0].labels, labels);
        }
        // Nothing counts: no weight, but no NaN.
        let none = Labels::Classes(vec![-1; 4]);
        let found = parts(inputs(4), &none, Some(2), Loss::CrossEntropy);
        assert!(found.iter().all(|part| part.weight == 0.0));
    }
}
