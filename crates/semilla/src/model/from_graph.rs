//! Facts of a graph about the tensors that its nodes take.

use std::collections::HashMap;

use super::facts::Facts;
use super::residual::{in_branches, is_view};
use super::role::Role;
use super::source::Source;
use super::written_out::behind;
use crate::activation::Activation;
use crate::graph::{self, Graph, Node, NodeId, Operand, Takers, Use, Wiring, operand};

/// More nodes than lie between a layer and its activation.
const STEPS: usize = 8;

/// The facts of every stored tensor of a graph, by the tensor's name in the checkpoint: what its
/// nodes take it for, which axis is which, and the activation behind a weight where one follows at
/// once. Nodes that disagree say nothing.
///
/// ```
/// use semilla::graph::{Graph, Initializer, Node};
/// use semilla::model::{Convention, Evidence, graph_facts};
/// use semilla::{Activation, DType, Model, Role};
///
/// let mut graph = Graph::new();
/// let main = &mut graph.bodies_mut()[0];
/// main.initializers.push(Initializer {
///     tensor: Some("alpha".to_owned()),
///     ..Initializer::new("a", DType::F32, [8, 3, 3, 3])
/// });
/// main.nodes.push(Node::new("Conv", &["x", "a"], &["y"]));
/// main.nodes.push(Node::new("Relu", &["y"], &["z"]));
///
/// let mut evidence = Evidence::guessed(Convention::Pytorch);
/// evidence.add("alpha", graph_facts(&graph).remove("alpha").unwrap());
/// let model = Model::derive([("alpha".to_owned(), vec![8, 3, 3, 3], DType::F32)], evidence);
/// assert_eq!(model.tensors[0].role, Role::Conv);
/// assert_eq!(model.tensors[0].activation, Some(Activation::Relu));
/// ```
pub fn graph_facts(graph: &Graph) -> HashMap<String, Facts> {
    let takers = Takers::of(graph);
    let wiring = Wiring::of(graph);
    let mut found = HashMap::new();
    let layers = layers(graph, &takers);
    let branches = in_branches(graph, &wiring);
    for (body, contents) in graph.bodies().iter().enumerate() {
        for (place, initializer) in contents.initializers.iter().enumerate() {
            let Some(name) = &initializer.tensor else {
                continue;
            };
            let taking = takers.all(body, place);
            let nodes = taking
                .iter()
                .filter_map(|taker| Some((taker.node, graph.node(taker.node)?, taker.input)));
            let nodes: Vec<(NodeId, &Node, usize)> = nodes.collect();
            let mut facts = Facts::from(Source::Graph);
            if initializer.is_unnamed {
                facts = facts.unnamed();
            }
            let roles = nodes.iter().filter_map(|&(_, node, input)| {
                role(node, operand(node, input)?, initializer.shape.len())
            });
            // The integers of a quantized weight cannot be drawn.
            let is_float = initializer.dtype.is_some_and(|dtype| dtype.is_float());
            if let Some(role) = agreed(roles).filter(|_| is_float) {
                facts = facts.role(role);
            }
            if let Some(layout) = takers.layout(graph, body, place) {
                facts = facts.layout(layout);
            }
            let weights = nodes
                .iter()
                .filter(|(_, node, input)| operand(node, *input) == Some(Operand::Weight));
            let after: Vec<After> = weights
                .map(|&(id, _, _)| after(graph, &wiring, id, &layers))
                .collect();
            let activation = |after: &After| after.activation.unwrap_or(Activation::Linear);
            let known = after.iter().all(|after| after.activation.is_some());
            if known && let Some(activation) = agreed(after.iter().map(activation)) {
                facts = facts.activation(activation);
            }
            let times = agreed(after.iter().map(|after| after.times));
            if known && let Some(times) = times.filter(|times| *times != 1.0 && times.is_normal()) {
                facts = facts.times(times);
            }
            if !after.is_empty() && after.iter().all(|after| after.is_normalized) {
                facts = facts.normalized();
            }
            if let [
                After {
                    is_output: true, ..
                },
            ] = after[..]
            {
                facts = facts.output();
            }
            if let [(id, node, input)] = nodes[..] {
                let operand = operand(node, input);
                if operand == Some(Operand::Weight)
                    && let Some(next) = after_activation(graph, &wiring, id, &layers)
                {
                    facts = facts.next(next);
                }
                if let Some(Operand::Weight | Operand::Scale | Operand::Factor) = operand
                    && let Some(&branch) = branches.get(&id)
                {
                    facts = facts.branch(branch);
                }
            }
            found.insert(name.clone(), facts);
        }
    }
    found
}

/// The weight of every node that has one alone.
fn layers<'g>(graph: &'g Graph, takers: &Takers) -> HashMap<NodeId, &'g str> {
    let mut layers = HashMap::new();
    for (body, contents) in graph.bodies().iter().enumerate() {
        for (place, initializer) in contents.initializers.iter().enumerate() {
            let taking = takers.all(body, place).iter();
            let weights = taking.filter(|taker| {
                let node = graph.node(taker.node);
                node.and_then(|node| operand(node, taker.input)) == Some(Operand::Weight)
            });
            for taker in weights {
                layers.extend(initializer.tensor.as_deref().map(|name| (taker.node, name)));
            }
        }
    }
    layers
}

/// The weight that takes a layer's output, where only a bias, one activation or none, a normalization before
/// an activation and views of the same values lie between.
fn after_activation<'g>(
    graph: &'g Graph,
    wiring: &Wiring<'_>,
    layer: NodeId,
    layers: &HashMap<NodeId, &'g str>,
) -> Option<&'g str> {
    let mut at = layer;
    let (mut is_normalized, mut is_activated) = (false, false);
    for _ in 0..STEPS {
        if !is_activated && let Some(found) = behind(graph, wiring, at) {
            (at, is_activated) = (found.last, true);
        }
        let output = graph.node(at)?.outputs.first()?;
        let [only] = wiring.uses(at.body, output) else {
            return None;
        };
        if let Some(weight) = layers.get(&only.node) {
            return (is_activated || !is_normalized).then_some(*weight);
        }
        let node = graph.node(only.node)?;
        match node.standard() {
            Some("Add") if adds_stored(wiring, at.body, node) && !is_activated => {}
            Some(norm) if norm.ends_with("Normalization") && !is_activated => is_normalized = true,
            Some("Mul") if adds_stored(wiring, at.body, node) && is_normalized => {}
            Some("Flatten" | "Reshape" | "Identity" | "Dropout" | "Squeeze" | "Unsqueeze") => {}
            _ => return None,
        }
        at = only.node;
    }
    None
}

/// The value that all state, if it is the same.
fn agreed<T: PartialEq>(mut said: impl Iterator<Item = T>) -> Option<T> {
    let first = said.next()?;
    said.all(|other| other == first).then_some(first)
}

/// The role of a node's operand. A matrix that is multiplied may be of any layer that multiplies,
/// and what a node of its own adds or multiplies may be anything.
fn role(node: &Node, operand: Operand, rank: usize) -> Option<Role> {
    let operator = node.operator.as_str();
    Some(match operand {
        Operand::Weight if operator.ends_with("ConvTranspose") => Role::ConvTranspose,
        Operand::Weight if operator.contains("Conv") => Role::Conv,
        Operand::Weight if rank > 1 => Role::Linear,
        Operand::Bias => Role::Bias,
        Operand::InputWeight => Role::RecurrentInput,
        Operand::RecurrentWeight => Role::RecurrentHidden,
        Operand::RecurrentBias => Role::RecurrentBias,
        Operand::Table if rank == 2 => Role::Embedding,
        Operand::Scale => Role::NormWeight,
        Operand::Shift => Role::NormBias,
        Operand::RunningMean => Role::RunningMean,
        Operand::RunningVariance => Role::RunningVar,
        Operand::Slope => Role::Slope,
        _ => return None,
    })
}

/// What follows a layer.
struct After {
    activation: Option<Activation>,
    /// What its output is multiplied by before the activation.
    times: f64,
    is_normalized: bool,
    is_output: bool,
}

/// Follows a layer's output, through its bias and a normalization, to an activation, to a layer that takes
/// it as it is, or out of the model.
fn after(
    graph: &Graph,
    wiring: &Wiring<'_>,
    layer: NodeId,
    layers: &HashMap<NodeId, &str>,
) -> After {
    let mut found = After {
        activation: None,
        times: 1.0,
        is_normalized: false,
        is_output: false,
    };
    let mut at = layer;
    for _ in 0..STEPS {
        if let Some(behind) = behind(graph, wiring, at) {
            (found.activation, found.times) = (Some(behind.activation), behind.times);
            break;
        }
        let output = graph.node(at).and_then(|node| node.outputs.first());
        let Some(output) = output else { break };
        let uses = wiring.uses(at.body, output);
        found.is_output = is_given_away(graph, at.body, output, uses);
        let [only] = uses else { break };
        let Some(node) = graph.node(only.node) else {
            break;
        };
        if layers.contains_key(&only.node) {
            found.activation = Some(Activation::Linear);
            break;
        }
        match node.standard() {
            Some(operator) if operator.ends_with("Normalization") => found.is_normalized = true,
            // A bias; the sum of two branches does not belong to one layer.
            Some("Add") if adds_stored(wiring, at.body, node) => {}
            // The factor of a normalization that is a node of its own.
            Some("Mul") if found.is_normalized && adds_stored(wiring, at.body, node) => {}
            Some(operator) if is_view(operator) => {}
            _ => break,
        }
        at = only.node;
    }
    found
}

/// Whether a value leaves the model and goes nowhere else. The graphs of live modules have a node for that.
fn is_given_away(graph: &Graph, body: usize, value: &str, uses: &[Use]) -> bool {
    match uses {
        [] => {
            body == 0
                && graph
                    .main()
                    .outputs
                    .iter()
                    .any(|output| output.name == value)
        }
        [only] => (graph.node(only.node)).is_some_and(|node| node.standard() == Some("Output")),
        _ => false,
    }
}

/// Whether a node adds a stored tensor.
fn adds_stored(wiring: &Wiring<'_>, body: usize, node: &Node) -> bool {
    let is_stored = |name: &String| {
        matches!(
            wiring.source(body, name),
            Some(graph::Source::Initializer { .. })
        )
    };
    node.inputs.iter().any(is_stored)
}
