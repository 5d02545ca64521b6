//! The main path of a graph that was followed.

use super::interpret::Followed;
use super::node::SignalId;
use crate::narrow::narrows;

/// A value through which all signals go.
pub(super) struct Point {
    pub(super) id: SignalId,
    /// The signal of the last layer before it.
    pub(super) after: SignalId,
}

/// For each step the value through which all signals go at that moment, if there is one.
pub(super) fn narrow(followed: &Followed) -> Vec<Option<SignalId>> {
    let steps: Vec<(&[SignalId], &[SignalId])> = (followed.steps.iter())
        .map(|step| (&*step.inputs, &*step.outputs))
        .collect();
    narrows(&followed.inputs, &steps)
}

/// The first value after each layer through which all signals go; the output is none of them.
pub(super) fn path(followed: &Followed, narrow: &[Option<SignalId>]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for layer in &followed.layers {
        let Some(id) = narrow[layer.step..].iter().find_map(|value| *value) else {
            continue;
        };
        if Some(id) == followed.output {
            continue;
        }
        // Of several layers before one value, the last.
        if points.last().is_some_and(|point| point.id == id) {
            points.pop();
        }
        points.push(Point {
            id,
            after: layer.signal,
        });
    }
    points
}
