//! The layers of a trace: sums over products of a signal and a weight.

use semilla::Graph;

use super::flow::Flow;
use crate::executor::{Nature, Trace, ValueId};
use crate::real::Real;

/// A layer.
pub(crate) struct Found {
    /// The place of its weight in the trace's list.
    pub(crate) weight: usize,
    /// The places of all parameters that it takes: its weight, its bias, magnitudes.
    pub(crate) parameters: Vec<usize>,
    /// The operator.
    pub(super) operator: String,
    /// The step that makes its output.
    pub(super) step: usize,
    /// What it makes, the bias added: the pre-activations.
    pub(crate) output: ValueId,
    /// What a function of each element makes of that, if one follows.
    pub(super) activated: Option<ValueId>,
    /// The axis of its units.
    pub(crate) units: usize,
}

/// The layers in the order in which they ran. A weight that is used several times has its last
/// use: the last step in time of a recurrent layer.
pub(crate) fn layers<T: Real>(trace: &Trace<T>, graph: &Graph, flow: &Flow) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (place, step) in trace.steps().iter().enumerate() {
        if step.nature() != Nature::Product {
            continue;
        }
        let takes_signal = step.inputs.iter().any(|&input| flow.is_signal(input));
        let weight = step.inputs[..2]
            .iter()
            .find_map(|&input| flow.weight(trace, input));
        let (Some(weight), true) = (weight, takes_signal) else {
            continue;
        };
        let operator = graph
            .node(step.node)
            .map(|node| node.operator.clone())
            .unwrap_or_default();
        let first = place;
        let (step, output) = with_bias(trace, graph, flow, place);
        let units = match operator.starts_with("Conv") {
            true => 1,
            false => trace.array(output).rank().saturating_sub(1),
        };
        let layer = Found {
            weight,
            parameters: parameters(trace, flow, [first, step]),
            operator,
            step,
            output,
            activated: activated(trace, flow, output),
            units,
        };
        found.retain(|other| other.weight != weight);
        found.push(layer);
    }
    found
}

/// The step that adds a bias to what a step makes, or that step itself.
fn with_bias<T: Real>(
    trace: &Trace<T>,
    graph: &Graph,
    flow: &Flow,
    place: usize,
) -> (usize, ValueId) {
    let output = trace.steps()[place].outputs[0];
    let &[taker] = flow.takers(output) else {
        return (place, output);
    };
    let step = &trace.steps()[taker];
    let is_sum = graph
        .node(step.node)
        .is_some_and(|node| node.operator == "Add");
    let adds_parameter = step.inputs.len() == 2
        && step
            .inputs
            .iter()
            .filter(|&&input| flow.is_signal(input))
            .count()
            == 1
        && trace.array(step.outputs[0]).shape() == trace.array(output).shape();
    match is_sum && adds_parameter {
        true => (taker, step.outputs[0]),
        false => (place, output),
    }
}

/// The weights that steps take as they are, in order.
fn parameters<T: Real>(trace: &Trace<T>, flow: &Flow, steps: [usize; 2]) -> Vec<usize> {
    let inputs = steps.iter().flat_map(|&step| &trace.steps()[step].inputs);
    let mut found: Vec<usize> = inputs
        .flat_map(|&input| flow.weights(input))
        .copied()
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn activated<T: Real>(trace: &Trace<T>, flow: &Flow, output: ValueId) -> Option<ValueId> {
    let &[taker] = flow.takers(output) else {
        return None;
    };
    let step = &trace.steps()[taker];
    (step.nature() == Nature::Elementwise).then(|| step.outputs[0])
}
