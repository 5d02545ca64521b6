//! The way back.

use super::datum::ValueId;
use super::operator::{Each, Pass};
use super::sum::Sum;
use super::trace::{Step, Trace};
use crate::array::Array;
use crate::real::Real;

/// The gradients of a trace's values.
pub struct Gradients<T> {
    by_value: Vec<Sum<T>>,
}

impl<T> Gradients<T> {
    /// The gradient of a value; `None` if nothing that was asked for depends on it.
    pub fn of(&self, value: ValueId) -> Option<&Array<T>> {
        self.by_value.get(value.0)?.array()
    }
}

/// The gradients of weights alone, pass after pass, in buffers that stay.
pub(crate) struct Repeated<T> {
    gradients: Gradients<T>,
    /// Whether a value depends on a weight.
    depends: Vec<bool>,
}

impl<T: Real> Repeated<T> {
    /// No gradients yet.
    pub(crate) fn new(trace: &Trace<T>) -> Self {
        let weights = trace.weights().iter().map(|&(_, id)| id);
        Self {
            gradients: trace.no_gradients(),
            depends: trace.dependent(weights),
        }
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.gradients.by_value.iter_mut().for_each(Sum::clear);
    }

    /// The gradients since it began.
    pub(crate) fn gradients(&self) -> &Gradients<T> {
        &self.gradients
    }

    /// Adds the gradients of the trace as it is now, from that of one value.
    ///
    /// # Panics
    /// The seed has not the shape of its value.
    pub(crate) fn add(&mut self, trace: &Trace<T>, value: ValueId, seed: &Array<T>) {
        let (own, _) = self.gradients.by_value[value.0].open(trace.array(value).shape());
        own.copy_from_slice(seed.data());
        let is_wanted = |value: ValueId| self.depends[value.0];
        trace.follow(&mut self.gradients, is_wanted, |_, sum| sum.clear());
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
        let depends = self.dependent(values.iter().copied());
        self.back(seeds, |value| depends[value.0], |_| true)
    }

    /// Whether each value depends on some, or is one of them.
    fn dependent(&self, values: impl IntoIterator<Item = ValueId>) -> Vec<bool> {
        let mut depends = vec![false; self.arrays()];
        values.into_iter().for_each(|value| depends[value.0] = true);
        for step in self.steps() {
            if step.inputs.iter().any(|input| depends[input.0]) {
                step.outputs
                    .iter()
                    .for_each(|output| depends[output.0] = true);
            }
        }
        depends
    }

    fn no_gradients(&self) -> Gradients<T> {
        let mut by_value = Vec::new();
        by_value.resize_with(self.arrays(), Sum::default);
        Gradients { by_value }
    }

    fn back(
        &self,
        seeds: impl IntoIterator<Item = (ValueId, Array<T>)>,
        is_wanted: impl Fn(ValueId) -> bool,
        is_kept: impl Fn(ValueId) -> bool,
    ) -> Gradients<T> {
        let mut gradients = self.no_gradients();
        for (value, seed) in seeds {
            self.begin(&mut gradients, value, seed);
        }
        self.follow(&mut gradients, is_wanted, |output, sum| {
            if !is_kept(output) {
                *sum = Sum::default();
            }
        });
        gradients
    }

    fn begin(&self, gradients: &mut Gradients<T>, value: ValueId, seed: Array<T>) {
        assert_eq!(
            seed.shape(),
            self.array(value).shape(),
            "a seed of the value's shape"
        );
        gradients.by_value[value.0].add(seed);
    }

    /// Follows all steps back. `spent` gets every gradient that nothing needs any more.
    fn follow(
        &self,
        gradients: &mut Gradients<T>,
        is_wanted: impl Fn(ValueId) -> bool,
        spent: impl Fn(ValueId, &mut Sum<T>),
    ) {
        let by_value = &mut gradients.by_value;
        for step in self.steps().iter().rev() {
            let is_reached = |output: &ValueId| by_value[output.0].array().is_some();
            let is_reached = step.outputs.iter().any(is_reached);
            let wanted: Each<bool> = step.inputs.iter().map(|&input| is_wanted(input)).collect();
            if !is_reached || !wanted.contains(&true) {
                continue;
            }
            // What is taken twice is added up apart.
            let is_first = |place: usize| !step.inputs[..place].contains(&step.inputs[place]);
            let mut sums: Each<Option<Sum<T>>> = (wanted.iter().enumerate())
                .map(|(place, &is_wanted)| {
                    is_wanted.then(|| match is_first(place) {
                        true => std::mem::take(&mut by_value[step.inputs[place].0]),
                        false => Sum::default(),
                    })
                })
                .collect();
            let found = step.outputs.iter();
            let found = found.map(|output| by_value[output.0].array()).collect();
            let pass = self.pass(step, found, wanted);
            step.operator.backward_into(&pass, &mut sums);
            drop(pass);
            for (place, sum) in sums.into_iter().enumerate() {
                let own = &mut by_value[step.inputs[place].0];
                match sum {
                    Some(sum) if is_first(place) => *own = sum,
                    Some(sum) => sum.into_array().into_iter().for_each(|term| own.add(term)),
                    None => {}
                }
            }
            // All that take what a step makes come after it.
            for &output in &step.outputs {
                spent(output, &mut by_value[output.0]);
            }
        }
    }

    /// The gradients of what a step takes, from those of what it makes.
    pub(super) fn through<'a>(
        &'a self,
        step: &Step<T>,
        gradients: Each<Option<&'a Array<T>>>,
        wanted: Each<bool>,
    ) -> Vec<Option<Array<T>>> {
        step.operator.backward(&self.pass(step, gradients, wanted))
    }

    fn pass<'a>(
        &'a self,
        step: &Step<T>,
        gradients: Each<Option<&'a Array<T>>>,
        wanted: Each<bool>,
    ) -> Pass<'a, T> {
        let arrays = |values: &[ValueId]| values.iter().map(|&value| self.array(value)).collect();
        Pass {
            inputs: arrays(&step.inputs),
            outputs: arrays(&step.outputs),
            gradients,
            wanted,
        }
    }
}
