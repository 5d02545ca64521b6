//! The arrays through which everything goes: the main path of a network.

use super::flow::Flow;
use super::layers::Found;
use crate::executor::{Trace, ValueId};
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

/// For each step, whether all signals go through its only output at that moment: nothing that was
/// made before is taken after it. In a residual network these are the sums that end blocks.
fn narrows<T: Real>(trace: &Trace<T>, flow: &Flow) -> Vec<Option<ValueId>> {
    let last_use = |value: ValueId| flow.takers(value).last().copied();
    let mut open: usize = flow
        .sources
        .iter()
        .filter(|&&input| last_use(input).is_some())
        .count();
    let steps = trace.steps().iter().enumerate().map(|(place, step)| {
        let mut closed: Vec<ValueId> = step
            .inputs
            .iter()
            .copied()
            .filter(|&input| flow.is_signal(input) && last_use(input) == Some(place))
            .collect();
        closed.sort_unstable();
        closed.dedup();
        open -= closed.len();
        let made: Vec<ValueId> = step
            .outputs
            .iter()
            .copied()
            .filter(|&output| flow.is_signal(output) && last_use(output).is_some())
            .collect();
        open += made.len();
        match *made {
            [only] if open == 1 => Some(only),
            _ => None,
        }
    });
    steps.collect()
}
