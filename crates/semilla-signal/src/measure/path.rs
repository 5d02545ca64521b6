//! The arrays through which everything goes: the main path of a network.

use super::flow::Flow;
use crate::executor::{Trace, ValueId};
use crate::real::Real;

/// For each step, whether all signals go through its only output at that moment: nothing that was
/// made before is taken after it. In a residual network these are the sums that end blocks.
pub(super) fn narrows<T: Real>(trace: &Trace<T>, flow: &Flow) -> Vec<Option<ValueId>> {
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
