//! The arrays through which everything goes: the main path of a network.

use std::hash::Hash;

use super::flow::Flow;
use super::layers::Found;
use crate::executor::{Trace, ValueId};
use crate::narrow::narrows;
use crate::real::Real;

/// The first array after each layer through which all signals go, with the place of the last layer
/// before it; the output is none of them.
pub(super) fn points<T: Real>(
    trace: &Trace<T>,
    flow: &Flow,
    layers: &[Found],
    output: ValueId,
) -> Vec<(ValueId, usize)> {
    let signals = |values: &[ValueId]| -> Vec<ValueId> {
        let values = values.iter().copied();
        values.filter(|&value| flow.is_signal(value)).collect()
    };
    let steps: Vec<(Vec<ValueId>, Vec<ValueId>)> = (trace.steps().iter())
        .map(|step| (signals(&step.inputs), signals(&step.outputs)))
        .collect();
    let layers: Vec<usize> = layers.iter().map(|layer| layer.step).collect();
    main_path(&flow.sources, &steps, &layers, output)
}

/// The main path of a run that somebody else followed, such as hooks on a live module: for
/// [`Measurement::recorded`](super::Measurement::recorded).
///
/// `inputs` are the signals that enter. A step is the signals that it takes and those that it
/// makes; `layers` are the places of the steps that make layers' outputs. Each point of the path is
/// a signal, and the place in `layers` of the last layer before it: the first signal after a layer
/// that all others go through. The `output` is no point.
///
/// ```
/// use semilla_signal::main_path;
///
/// // A residual block: x -> a -> b, x + b = c; then d, the output.
/// let steps = [
///     (vec!["x"], vec!["a"]),
///     (vec!["a"], vec!["b"]),
///     (vec!["x", "b"], vec!["c"]),
///     (vec!["c"], vec!["d"]),
/// ];
/// assert_eq!(main_path(&["x"], &steps, &[0, 1, 3], "d"), [("c", 1)]);
/// ```
pub fn main_path<V: Copy + Eq + Hash>(
    inputs: &[V],
    steps: &[(Vec<V>, Vec<V>)],
    layers: &[usize],
    output: V,
) -> Vec<(V, usize)> {
    let steps: Vec<(&[V], &[V])> = (steps.iter())
        .map(|(taken, made)| (&**taken, &**made))
        .collect();
    let narrow = narrows(inputs, &steps);
    let mut points: Vec<(V, usize)> = Vec::new();
    for (place, &step) in layers.iter().enumerate() {
        let after = narrow.get(step..).unwrap_or_default();
        let next = after.iter().find_map(|value| *value);
        if let Some(value) = next.filter(|&value| value != output) {
            points.retain(|(other, _)| *other != value);
            points.push((value, place));
        }
    }
    points
}
