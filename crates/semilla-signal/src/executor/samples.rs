//! Whether the samples of a batch pass through a trace apart from each other.

use super::datum::ValueId;
use super::operator::{Each, Lying};
use super::trace::Trace;
use crate::array::size;
use crate::real::Real;

impl<T: Real> Trace<T> {
    /// Whether each array has samples along its first axis; `None` unless they stay apart from the
    /// inputs, which all have as many, to the end.
    fn sampled(&self) -> Option<Vec<bool>> {
        let (&first, _) = self.inputs().split_first()?;
        let samples = self.array(first).shape().first()?;
        let mut sampled = vec![false; self.arrays()];
        for input in self.inputs() {
            sampled[input.0] = true;
        }
        for step in self.steps() {
            let inputs = step.inputs.iter().map(|&input| Lying {
                shape: self.array(input).shape(),
                has_samples: sampled[input.0],
            });
            let inputs: Each<Lying<'_>> = inputs.collect();
            if !inputs.iter().any(|input| input.has_samples) {
                continue;
            }
            if !step.operator.keeps_samples(&inputs) {
                return None;
            }
            step.outputs
                .iter()
                .for_each(|output| sampled[output.0] = true);
        }
        let has_all = |(place, is_sampled): (usize, &bool)| {
            !is_sampled || self.array(ValueId(place)).shape().first() == Some(samples)
        };
        (self.is_repeatable() && sampled.iter().enumerate().all(has_all)).then_some(sampled)
    }

    /// Whether it does with a part of the samples of `whole` the same as that does with all: what
    /// does not belong to a sample is the same in both.
    pub(crate) fn is_part_of(&self, whole: &Self) -> bool {
        let (Some(own), Some(all)) = (self.sampled(), whole.sampled()) else {
            return false;
        };
        let is_same = |place: usize| {
            let [part, whole] = [self, whole].map(|trace| trace.array(ValueId(place)));
            match (own[place], self.is_live(ValueId(place))) {
                (true, _) => part.shape()[1..] == whole.shape()[1..],
                (false, true) => part.shape() == whole.shape(),
                (false, false) => part == whole,
            }
        };
        own == all && (0..own.len()).all(is_same)
    }

    /// The elements of all arrays that a sample has; `None` if samples do not stay apart.
    pub(crate) fn sample_len(&self) -> Option<usize> {
        let sampled = self.sampled()?;
        let places = (0..sampled.len()).filter(|&place| sampled[place]);
        Some(
            places
                .map(|place| size(&self.array(ValueId(place)).shape()[1..]))
                .sum(),
        )
    }
}
