//! Which arrays of a trace are signals, and which are parameters on their way to a layer.

use crate::executor::{Nature, Step, Trace, ValueId};
use crate::real::Real;

/// The arrays of a trace, told apart.
pub(crate) struct Flow {
    /// Whether an array depends on the data: on an input, or on rows that were looked up.
    is_signal: Vec<bool>,
    /// The weights that an array is made of and nothing else, in order; the largest is the one
    /// that the others change (its magnitudes, its mask).
    weights: Vec<Vec<usize>>,
    /// The steps that take an array.
    takers: Vec<Vec<usize>>,
    /// Where signals start: the inputs that are floats. Where there are none and nothing is looked
    /// up, the words that become ones and zeros.
    pub(super) sources: Vec<ValueId>,
}

impl Flow {
    pub(crate) fn of<T: Real>(trace: &Trace<T>) -> Self {
        let count = trace.arrays();
        let mut flow = Self {
            is_signal: vec![false; count],
            weights: vec![Vec::new(); count],
            takers: vec![Vec::new(); count],
            sources: trace.inputs().to_vec(),
        };
        let mut steps = trace.steps().iter();
        if flow.sources.is_empty() && !steps.any(|step| looks_up(trace, step)) {
            flow.sources = trace.from_whole().to_vec();
        }
        for source in &flow.sources {
            flow.is_signal[source.0] = true;
        }
        for (place, (_, id)) in trace.weights().iter().enumerate() {
            flow.weights[id.0] = vec![place];
        }
        for (place, step) in trace.steps().iter().enumerate() {
            for input in &step.inputs {
                flow.takers[input.0].push(place);
            }
            let takes_signal = step.inputs.iter().any(|input| flow.is_signal[input.0]);
            let looks_up = looks_up(trace, step);
            let is_signal = takes_signal || looks_up;
            let mut weights: Vec<usize> = match is_signal {
                true => Vec::new(),
                false => (step.inputs.iter())
                    .flat_map(|input| flow.weights[input.0].iter().copied())
                    .collect(),
            };
            weights.sort_unstable();
            weights.dedup();
            for output in &step.outputs {
                flow.is_signal[output.0] = is_signal;
                flow.weights[output.0].clone_from(&weights);
            }
        }
        flow
    }

    /// Whether an array depends on the data.
    pub(crate) fn is_signal(&self, value: ValueId) -> bool {
        self.is_signal[value.0]
    }

    /// The weights that an array is made of, and nothing else.
    pub(crate) fn weights(&self, value: ValueId) -> &[usize] {
        &self.weights[value.0]
    }

    /// The weight that an array holds: the largest of those that it is made of.
    pub(super) fn weight<T: Real>(&self, trace: &Trace<T>, value: ValueId) -> Option<usize> {
        let size = |&place: &usize| trace.array(trace.weights()[place].1).data().len();
        let weights = self.weights(value).iter().copied();
        weights.rev().max_by_key(size)
    }

    /// The steps that take an array, in order.
    pub(super) fn takers(&self, value: ValueId) -> &[usize] {
        &self.takers[value.0]
    }
}

/// Whether a step picks rows of a weight.
fn looks_up<T: Real>(trace: &Trace<T>, step: &Step<T>) -> bool {
    step.nature() == Nature::Pick && trace.is_live(step.inputs[0])
}
