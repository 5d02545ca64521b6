//! The arrays through which everything goes: the main path of a network.

use super::flow::Flow;
use super::layers::Found;
use crate::executor::{Trace, ValueId};
use crate::narrow;
use crate::real::Real;

/// The first array after each layer through which all signals go, with the place of the last layer
/// before it; the output is none of them.
pub(super) fn points<T: Real>(
    trace: &Trace<T>,
    flow: &Flow,
    layers: &[Found],
    output: ValueId,
) -> Vec<(ValueId, usize)> {
    let narrows = narrows(trace, flow);
    let mut points: Vec<(ValueId, usize)> = Vec::new();
    for (place, layer) in layers.iter().enumerate() {
        let next = narrows[layer.step..].iter().find_map(|value| *value);
        if let Some(value) = next.filter(|&value| value != output) {
            points.retain(|(other, _)| *other != value);
            points.push((value, place));
        }
    }
    points
}

/// For each step its output, where all signals go through that.
fn narrows<T: Real>(trace: &Trace<T>, flow: &Flow) -> Vec<Option<ValueId>> {
    let signals = |values: &[ValueId]| -> Vec<ValueId> {
        let values = values.iter().copied();
        values.filter(|&value| flow.is_signal(value)).collect()
    };
    let steps: Vec<(Vec<ValueId>, Vec<ValueId>)> = (trace.steps().iter())
        .map(|step| (signals(&step.inputs), signals(&step.outputs)))
        .collect();
    let steps: Vec<(&[ValueId], &[ValueId])> = (steps.iter())
        .map(|(taken, made)| (&**taken, &**made))
        .collect();
    narrow::narrows(&flow.sources, &steps)
}
