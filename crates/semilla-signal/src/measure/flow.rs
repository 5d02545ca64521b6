//! Which arrays of a trace are signals, and which are parameters on their way to a layer.

use crate::executor::{Nature, Step, Trace, ValueId};
use crate::real::Real;

/// The arrays of a trace, told apart.
pub(super) struct Flow {
    /// Whether an array depends on the data: on an input, or on rows that were looked up.
    is_signal: Vec<bool>,
    /// The weight that an array holds, for arrays that are one weight in a different form.
    weight: Vec<Option<usize>>,
    /// The steps that take an array.
    takers: Vec<Vec<usize>>,
    /// Where signals start: the inputs that are floats. Where there are none and nothing is looked
    /// up, the words that become ones and zeros.
    pub(super) sources: Vec<ValueId>,
}

impl Flow {
    pub(super) fn of<T: Real>(trace: &Trace<T>) -> Self {
        let count = trace.arrays();
        let mut flow = Self {
            is_signal: vec![false; count],
            weight: vec![None; count],
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
            flow.weight[id.0] = Some(place);
        }
        for (place, step) in trace.steps().iter().enumerate() {
            for input in &step.inputs {
                flow.takers[input.0].push(place);
            }
            let takes_signal = step.inputs.iter().any(|input| flow.is_signal[input.0]);
            let looks_up = looks_up(trace, step);
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

/// Whether a step picks rows of a weight.
fn looks_up<T: Real>(trace: &Trace<T>, step: &Step<T>) -> bool {
    step.nature() == Nature::Pick && trace.is_live(step.inputs[0])
}
