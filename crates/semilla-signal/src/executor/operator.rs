//! Steps: what is computed, and how gradients go back.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::sum::Sum;
use crate::array::Array;
use crate::real::Real;

/// A computation on arrays of known shapes.
pub(crate) trait Operator<T: Real>: Send + Sync {
    /// The outputs.
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>>;

    /// The outputs, into arrays of their shapes that hold anything.
    fn forward_into(&self, inputs: &[&Array<T>], outputs: &mut [Array<T>]) {
        let made = self.forward(inputs);
        outputs
            .iter_mut()
            .zip(made)
            .for_each(|(to, made)| *to = made);
    }

    /// The gradient of each input; `None` where it is 0 or not wanted.
    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>>;

    /// Adds the gradient of each input to its sum; `None` where it is not wanted.
    fn backward_into(&self, pass: &Pass<'_, T>, sums: &mut [Option<Sum<T>>]) {
        for (sum, found) in sums.iter_mut().zip(self.backward(pass)) {
            if let Some((sum, found)) = sum.as_mut().zip(found) {
                sum.add(found);
            }
        }
    }

    /// Whether its Jacobian is its own transpose, so that the way back is the derivative too.
    fn is_symmetric(&self) -> bool {
        false
    }

    /// What it means for signals.
    fn nature(&self) -> Nature {
        Nature::Other
    }

    /// Whether samples along the first axis of these inputs stay apart: they lie along the first
    /// axis of what it makes, each made of the same sample and of all of the other inputs.
    fn keeps_samples(&self, _inputs: &[Lying<'_>]) -> bool {
        false
    }
}

/// How samples lie in an input of a step.
pub(crate) struct Lying<'a> {
    pub(crate) shape: &'a [usize],
    /// Whether its first axis is that of the samples.
    pub(crate) has_samples: bool,
}

impl Lying<'_> {
    /// Whether only the first of some inputs has samples.
    pub(crate) fn only_first(inputs: &[Self]) -> bool {
        inputs
            .iter()
            .enumerate()
            .all(|(place, input)| input.has_samples == (place == 0))
    }
}

/// What a step means for signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It sums over products of its two first inputs: a linear layer, a convolution.
    Product,
    /// It picks elements by indices: an embedding's rows.
    Pick,
    /// It is a function of each element.
    Elementwise,
    /// Anything else.
    Other,
}

/// Something for each operand of a step: nearly always of few.
pub(crate) type Each<T> = SmallVec<[T; 4]>;

/// A step on the way back.
pub(crate) struct Pass<'a, T: Clone> {
    /// What the step took.
    pub(crate) inputs: Each<&'a Array<T>>,
    /// What it made.
    pub(crate) outputs: Each<&'a Array<T>>,
    /// The gradients of what it made; `None` is 0. At least one is there.
    pub(crate) gradients: Each<Option<&'a Array<T>>>,
    /// The inputs whose gradients are wanted.
    pub(crate) wanted: Each<bool>,
}

impl<T: Real> Pass<'_, T> {
    /// The gradient of each input on its own, by a way back that adds to sums.
    pub(crate) fn apart(&self, back: impl FnOnce(&mut [Option<Sum<T>>])) -> Vec<Option<Array<T>>> {
        let wanted = self.wanted.iter();
        let mut sums: Each<Option<Sum<T>>> = wanted
            .map(|&is_wanted| is_wanted.then(Sum::default))
            .collect();
        back(&mut sums);
        let found = sums.into_iter().map(|sum| sum.and_then(Sum::into_array));
        found.collect()
    }

    /// The gradient of an output.
    pub(crate) fn gradient(&self, output: usize) -> Cow<'_, Array<T>> {
        match self.gradients[output] {
            Some(array) => Cow::Borrowed(array),
            None => Cow::Owned(Array::filled(self.outputs[output].shape(), T::zero())),
        }
    }

    /// The gradient of the only input.
    pub(crate) fn only(gradient: Array<T>) -> Vec<Option<Array<T>>> {
        vec![Some(gradient)]
    }

    /// A gradient, if that of the input is wanted.
    pub(crate) fn if_wanted(
        &self,
        input: usize,
        make: impl FnOnce() -> Array<T>,
    ) -> Option<Array<T>> {
        self.wanted[input].then(make)
    }
}
