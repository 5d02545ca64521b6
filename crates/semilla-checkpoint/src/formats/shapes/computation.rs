//! The computation of a model that lists its shapes: nodes, as ONNX has them.

use std::collections::BTreeMap;

use semilla::Graph;
use semilla::graph::{Attribute, Initializer, Literal, Node};
use semilla::{DType, graph::Body};
use serde::Deserialize;

use crate::Tensors;

/// Nodes more than any model has that someone describes so.
const MAX_NODES: usize = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Computation {
    nodes: Vec<Step>,
    /// Constants by the name of their value.
    #[serde(default)]
    numbers: BTreeMap<String, f32>,
}

/// A node: ONNX's operator, or an activation by its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default)]
    op: String,
    activation: Option<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    #[serde(default)]
    ints: BTreeMap<String, i64>,
}

impl Computation {
    /// The graph, in which values with the name of a tensor are that tensor.
    pub(super) fn graph(self, tensors: &Tensors) -> Graph {
        let mut graph = Graph::new();
        let Some(main) = graph.bodies_mut().first_mut() else {
            return graph;
        };
        let taken = self.nodes.iter().flat_map(|node| &node.inputs);
        let mut places: Vec<usize> = taken.filter_map(|name| tensors.index_of(name)).collect();
        places.sort_unstable();
        places.dedup();
        let stored = places.into_iter().map(|place| {
            let info = &tensors[place];
            let mut stored = Initializer::new(info.name(), info.dtype(), info.shape());
            stored.tensor = Some(info.name().to_owned());
            stored
        });
        let numbers = self.numbers.iter().map(|(name, number)| {
            let mut stored = Initializer::new(name, DType::F32, []);
            stored.literal = Literal::new(DType::F32, [], number.to_le_bytes().to_vec());
            stored
        });
        *main = Body {
            initializers: stored.chain(numbers).collect(),
            nodes: self.nodes.into_iter().take(MAX_NODES).map(node).collect(),
            ..Body::default()
        };
        graph
    }
}

fn node(step: Step) -> Node {
    let ints = step.ints.into_iter();
    let mut node = Node {
        operator: step.op,
        inputs: step.inputs,
        outputs: step.outputs,
        attributes: ints
            .map(|(name, value)| (name, Attribute::Int(value)))
            .collect(),
        ..Node::default()
    };
    if let Some(function) = step.activation {
        node.domain = "semilla".to_owned();
        node.operator = "Activation".to_owned();
        node = node.with("function", Attribute::Text(function));
    }
    node
}
