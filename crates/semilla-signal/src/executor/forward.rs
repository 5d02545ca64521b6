//! The forward derivative: how values change when some of them are moved.

use smallvec::smallvec;

use super::datum::ValueId;
use super::operator::Each;
use super::trace::{Step, Trace};
use crate::array::Array;
use crate::real::Real;

/// The changes of a trace's values along a direction.
pub struct Changes<T> {
    by_value: Vec<Option<Array<T>>>,
}

impl<T> Changes<T> {
    /// The change of a value; `None` if it does not depend on what was moved.
    pub fn of(&self, value: ValueId) -> Option<&Array<T>> {
        self.by_value.get(value.0)?.as_ref()
    }
}

impl<T: Real> Trace<T> {
    /// The derivatives of all values along a direction: the product of the Jacobian with the
    /// changes of some values, as [`gradients`](Trace::gradients) is that of its transpose.
    ///
    /// Each step is moved by itself, a little to both sides, so that errors do not add up with
    /// depth: exact up to rounding for sums and products, and in `f64` to about 1e-9 for smooth
    /// functions. A kink is passed as the mean of its two slopes by the elements that lie within a
    /// millionth of it. A softmax is not moved: its way back is its derivative. What a value of
    /// `start` would get from other moved values is left out.
    ///
    /// # Panics
    /// A change has not the shape of its value.
    pub fn changes(&self, start: impl IntoIterator<Item = (ValueId, Array<T>)>) -> Changes<T> {
        let mut by_value: Vec<Option<Array<T>>> = Vec::new();
        by_value.resize_with(self.arrays(), || None);
        for (value, change) in start {
            assert_eq!(
                change.shape(),
                self.array(value).shape(),
                "a change of the value's shape"
            );
            by_value[value.0] = Some(change);
        }
        for step in self.steps() {
            if step.inputs.iter().all(|input| by_value[input.0].is_none()) {
                continue;
            }
            let made = {
                let changes = step.inputs.iter();
                let changes: Each<_> = changes.map(|input| by_value[input.0].as_ref()).collect();
                match step.operator.is_symmetric() {
                    true => self.through(step, changes, smallvec![true; step.inputs.len()]),
                    false => self.difference(step, &changes),
                }
            };
            for (&output, change) in step.outputs.iter().zip(made) {
                if let Some(change) = change {
                    by_value[output.0].get_or_insert(change);
                }
            }
        }
        Changes { by_value }
    }

    /// How what a step makes changes: its inputs moved a little to both sides.
    fn difference(&self, step: &Step<T>, changes: &[Option<&Array<T>>]) -> Vec<Option<Array<T>>> {
        let values: Vec<&Array<T>> = step.inputs.iter().map(|&at| self.array(at)).collect();
        let Some(reach) = reach(&values, changes) else {
            return Vec::new();
        };
        let moved = |by: T| {
            let pairs = values.iter().zip(changes);
            let inputs = pairs.map(|(value, change)| match change {
                Some(change) => value.zip(change, |x, dx| x + by * dx),
                None => (*value).clone(),
            });
            let inputs: Vec<Array<T>> = inputs.collect();
            step.operator.forward(&inputs.iter().collect::<Vec<_>>())
        };
        let (above, below) = (moved(reach), moved(-reach));
        let width = reach + reach;
        let slope = |above: T, below: T| match above == below {
            // Infinite ones too, such as masked scores.
            true => T::zero(),
            false => (above - below) / width,
        };
        let pairs = above.iter().zip(&below);
        pairs
            .map(|(above, below)| Some(above.zip(below, slope)))
            .collect()
    }
}

/// How far a step's inputs are moved along their changes: a small part of their own size. `None` if
/// they do not change.
fn reach<T: Real>(values: &[&Array<T>], changes: &[Option<&Array<T>>]) -> Option<T> {
    let moved = values.iter().zip(changes);
    let (mut size, mut change) = (0.0, 0.0f64);
    for (value, own) in moved.filter_map(|(value, own)| Some((value, (*own)?))) {
        // What does not move says nothing of the size of what does: masked scores are huge.
        let pairs = value.data().iter().zip(own.data());
        let (mut squares, mut count) = (0.0, 0.0f64);
        for (x, dx) in pairs.filter(|(_, dx)| **dx != T::zero()) {
            squares += x.f64() * x.f64();
            count += 1.0;
            change = change.max(dx.f64().abs());
        }
        size += squares / count.max(1.0);
    }
    let size = if size > 0.0 { size.sqrt() } else { 1.0 };
    // The error of a difference to both sides is least near the cube root of the precision.
    let part = T::epsilon().f64().cbrt();
    (change > 0.0 && change.is_finite()).then(|| T::of(part * size / change))
}
