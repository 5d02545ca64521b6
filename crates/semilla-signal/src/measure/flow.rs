//! Which arrays of a trace are signals, and which are parameters on their way to a layer.

use crate::executor::{Nature, Trace, ValueId};
use crate::real::Real;

/// The arrays of a trace, told apart.
pub(super) struct Flow {
    /// Whether an array depends on the data: on an input, or on rows that were looked up.
    is_signal: Vec<bool>,
    /// The weight that an array holds, for arrays that are one weight in a different form.
    weight: Vec<Option<usize>>,
    /// The steps that take an array.
    takers: Vec<Vec<usize>>,
}

impl Flow {
    pub(super) fn of<T: Real>(trace: &Trace<T>) -> Self {
        let count = trace.arrays();
        let mut flow = Self {
            is_signal: vec![false; count],
            weight: vec![None; count],
            takers: vec![Vec::new(); count],
        };
        for input in trace.inputs() {
            flow.is_signal[input.0] = true;
        }
        for (place, (_, id)) in trace.weights().iter().enumerate() {
            flow.weight[id.0] = Some(place);
        }
        for (place, step) in trace.steps().iter().enumerate() {
            for input in &step.inputs {
                flow.takers[input.0].push(place);
            }
            let takes_signal = step.inputs.iter().any(|input| flow.is_signal[input.0]);
            let looks_up = step.nature() == Nature::Pick && trace.is_live(step.inputs[0]);
            let mut weights = step.inputs.iter().filter_map(|input| flow.weight[input.0]);
            let weight = weights.next().filter(|_| weights.next().is_none());
            for output in &step.outputs {
                flow.is_signal[output.0] = takes_signal || looks_up;
                flow.weight[output.0] = weight.filter(|_| !takes_signal && !looks_up);
            }
        }
        flow
    }

    /// Whether an array depends on the data.
    pub(super) fn is_signal(&self, value: ValueId) -> bool {
        self.is_signal[value.0]
    }

    /// The weight that an array holds.
    pub(super) fn weight(&self, value: ValueId) -> Option<usize> {
        self.weight[value.0]
    }

    /// The steps that take an array, in order.
    pub(super) fn takers(&self, value: ValueId) -> &[usize] {
        &self.takers[value.0]
    }
}
