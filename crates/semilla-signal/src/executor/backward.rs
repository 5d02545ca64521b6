//! The way back.

use super::datum::ValueId;
use super::operator::Pass;
use super::trace::{Step, Trace};
use crate::array::Array;
use crate::parallel::parts;
use crate::real::Real;
use crate::sums::{self, MANY};

/// The gradients of a trace's values.
pub struct Gradients<T> {
    by_value: Vec<Option<Array<T>>>,
}

impl<T> Gradients<T> {
    /// The gradient of a value; `None` if nothing that was asked for depends on it.
    pub fn of(&self, value: ValueId) -> Option<&Array<T>> {
        self.by_value.get(value.0)?.as_ref()
    }
}

impl<T: Real> Trace<T> {
    /// The gradients of all values, from those of some: usually of an output, 1 where a loss is
    /// its only element.
    ///
    /// # Panics
    /// A seed has not the shape of its value.
    pub fn gradients(&self, seeds: impl IntoIterator<Item = (ValueId, Array<T>)>) -> Gradients<T> {
        self.back(seeds, |value| self.is_live(value), |_| true)
    }

    /// The same, of which only some are kept: the others are dropped as soon as nothing needs them,
    /// so that a deep network takes little more memory than its activations.
    ///
    /// # Panics
    /// A seed has not the shape of its value.
    pub fn gradients_of(
        &self,
        seeds: impl IntoIterator<Item = (ValueId, Array<T>)>,
        is_kept: impl Fn(ValueId) -> bool,
    ) -> Gradients<T> {
        self.back(seeds, |value| self.is_live(value), is_kept)
    }

    /// The gradients of weights and inputs: of what steps make none is kept.
    ///
    /// # Panics
    /// A seed has not the shape of its value.
    pub(crate) fn gradients_of_weights(
        &self,
        seeds: impl IntoIterator<Item = (ValueId, Array<T>)>,
    ) -> Gradients<T> {
        self.gradients_of(seeds, |_| false)
    }

    /// The gradients of some values alone, and of those on the way to them.
    ///
    /// # Panics
    /// A seed has not the shape of its value.
    pub fn gradients_to(
        &self,
        seeds: impl IntoIterator<Item = (ValueId, Array<T>)>,
        values: &[ValueId],
    ) -> Gradients<T> {
        let mut depends = vec![false; self.arrays()];
        values.iter().for_each(|value| depends[value.0] = true);
        for step in self.steps() {
            if step.inputs.iter().any(|input| depends[input.0]) {
                step.outputs
                    .iter()
                    .for_each(|output| depends[output.0] = true);
            }
        }
        self.back(seeds, |value| depends[value.0], |_| true)
    }

    fn back(
        &self,
        seeds: impl IntoIterator<Item = (ValueId, Array<T>)>,
        is_wanted: impl Fn(ValueId) -> bool,
        is_kept: impl Fn(ValueId) -> bool,
    ) -> Gradients<T> {
        let mut by_value: Vec<Option<Array<T>>> = Vec::new();
        by_value.resize_with(self.arrays(), || None);
        for (value, seed) in seeds {
            assert_eq!(
                seed.shape(),
                self.array(value).shape(),
                "a seed of the value's shape"
            );
            add(&mut by_value[value.0], seed);
        }
        for step in self.steps().iter().rev() {
            let is_reached = step
                .outputs
                .iter()
                .any(|output| by_value[output.0].is_some());
            let wanted: Vec<bool> = step.inputs.iter().map(|&input| is_wanted(input)).collect();
            if !is_reached || !wanted.contains(&true) {
                continue;
            }
            let gradients = step.outputs.iter();
            let gradients = gradients.map(|output| by_value[output.0].as_ref());
            let found = self.through(step, gradients.collect(), wanted);
            for (&input, gradient) in step.inputs.iter().zip(found) {
                if let Some(gradient) = gradient.filter(|_| is_wanted(input)) {
                    add(&mut by_value[input.0], gradient);
                }
            }
            // All that take what a step makes come after it.
            let spent = step.outputs.iter().filter(|&&output| !is_kept(output));
            spent.for_each(|output| by_value[output.0] = None);
        }
        Gradients { by_value }
    }

    /// The gradients of what a step takes, from those of what it makes.
    pub(super) fn through(
        &self,
        step: &Step<T>,
        gradients: Vec<Option<&Array<T>>>,
        wanted: Vec<bool>,
    ) -> Vec<Option<Array<T>>> {
        let arrays = |values: &[ValueId]| values.iter().map(|&value| self.array(value)).collect();
        step.operator.backward(&Pass {
            inputs: arrays(&step.inputs),
            outputs: arrays(&step.outputs),
            gradients,
            wanted,
        })
    }
}

fn add<T: Real>(sum: &mut Option<Array<T>>, term: Array<T>) {
    match sum {
        None => *sum = Some(term),
        Some(sum) => {
            debug_assert_eq!(sum.shape(), term.shape());
            parts(sum.data_mut(), MANY, &|place, sum| {
                sums::add(sum, T::one(), &term.data()[place * MANY..][..sum.len()]);
            });
        }
    }
}
