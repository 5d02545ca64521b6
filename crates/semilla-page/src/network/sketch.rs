//! What of a graph is worth drawing: layers, and where signals meet.

use std::collections::{HashMap, HashSet};

use semilla::Graph;
use semilla::graph::{Body, Node as GraphNode, Wiring, order};

/// A graph with little in it: nodes in an order in which they can run, and who takes from whom.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sketch {
    pub(crate) nodes: Vec<Node>,
    /// From one node to a later one, each once.
    pub(crate) edges: Vec<(usize, usize)>,
}

/// A node of the drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Its weight's name, or that of an input or output; of others the operator.
    pub(crate) name: String,
    /// The shape of its weight.
    pub(crate) shape: Vec<usize>,
    /// The measured layers that it stands for, by their places.
    pub(crate) layers: Vec<usize>,
    /// Activations, normalizations and pools that follow it before anything else.
    pub(crate) then: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Input,
    /// Something with a weight.
    Layer,
    /// Signals of several nodes meet.
    Junction,
    Output,
}

impl Node {
    /// A node without weights.
    pub(super) fn plain(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            shape: Vec::new(),
            layers: Vec::new(),
            then: Vec::new(),
        }
    }
}

impl Sketch {
    /// The main body of a graph, with the measured layers by their weights' names; empty if its
    /// nodes have no order.
    pub(crate) fn of<'a>(graph: &'a Graph, layers: impl Iterator<Item = &'a str>) -> Self {
        let Ok(order) = order(graph, &Wiring::of(graph), 0) else {
            return Self::default();
        };
        let mut drawer = Drawer::new(graph.main(), layers);
        for place in order {
            drawer.take(&graph.main().nodes[place]);
        }
        drawer.finish()
    }
}

/// What a value is.
#[derive(Clone, Copy)]
enum Value {
    /// An input that nothing has worked on yet.
    Given(usize),
    /// What a node of the drawing makes.
    Signal(usize),
    /// A weight, perhaps in a different form.
    Weight(usize),
}

struct Drawer<'a> {
    body: &'a Body,
    layers: HashMap<&'a str, usize>,
    values: HashMap<&'a str, Value>,
    /// The nodes of inputs, once they are taken.
    inputs: HashMap<usize, usize>,
    /// Concatenations, and all that each puts together.
    joined: Vec<(usize, HashSet<usize>)>,
    sketch: Sketch,
}

impl<'a> Drawer<'a> {
    fn new(body: &'a Body, layers: impl Iterator<Item = &'a str>) -> Self {
        let tensors = body.initializers.iter().enumerate();
        let weights = tensors.filter(|(_, tensor)| tensor.tensor.is_some());
        let weights = weights.map(|(place, tensor)| (&*tensor.name, Value::Weight(place)));
        let inputs = body.inputs.iter().enumerate();
        let inputs = inputs.map(|(place, input)| (&*input.name, Value::Given(place)));
        Self {
            body,
            layers: layers
                .enumerate()
                .map(|(place, name)| (name, place))
                .collect(),
            // Of a weight that is listed among the inputs, the weight counts.
            values: inputs.chain(weights).collect(),
            inputs: HashMap::new(),
            joined: Vec::new(),
            sketch: Sketch::default(),
        }
    }

    /// Follows one node of the graph.
    fn take(&mut self, node: &'a GraphNode) {
        // What is asked of sizes only is no signal.
        if matches!(&*node.operator, "Shape" | "Size" | "ConstantOfShape") {
            return;
        }
        let taken: Vec<Value> = node
            .inputs
            .iter()
            .filter_map(|name| self.values.get(&**name).copied())
            .collect();
        let weights: Vec<usize> = taken
            .iter()
            .filter_map(|value| match value {
                Value::Weight(weight) => Some(*weight),
                _ => None,
            })
            .collect();
        let result = match self.signals(&taken) {
            Meeting::None => weights.first().map(|&weight| Value::Weight(weight)),
            Meeting::Given(input) => match self.holder(node, &weights) {
                Some(holder) => {
                    let input = self.input(input);
                    Some(self.add(holder, &[input]))
                }
                None => Some(Value::Given(input)),
            },
            Meeting::Signals(sources) => match self.holder(node, &weights) {
                Some(holder) => Some(self.add(holder, &sources)),
                None => Some(self.pass(node, &sources)),
            },
        };
        if let Some(value) = result {
            self.values
                .extend(node.outputs.iter().map(|output| (&**output, value)));
        }
    }

    /// The signals that meet in a node. Whole numbers and masks that join others are not drawn.
    fn signals(&mut self, taken: &[Value]) -> Meeting {
        let mut sources: Vec<usize> = Vec::new();
        let mut given: Vec<usize> = Vec::new();
        for value in taken {
            match *value {
                Value::Signal(node) if !sources.contains(&node) => sources.push(node),
                Value::Given(input) if !given.contains(&input) => given.push(input),
                _ => {}
            }
        }
        if let ([], [only]) = (&*sources, &*given) {
            return Meeting::Given(*only);
        }
        let is_float = |&input: &usize| {
            let dtype = self.body.inputs[input].dtype;
            dtype.is_some_and(|dtype| dtype.is_float())
        };
        given.retain(|input| is_float(input));
        sources.extend(given.into_iter().map(|input| self.input(input)));
        match sources.is_empty() {
            true => Meeting::None,
            false => Meeting::Signals(sources),
        }
    }

    /// The node of the drawing for a node that holds weights: those of layers, or a table.
    fn holder(&self, node: &GraphNode, weights: &[usize]) -> Option<Node> {
        let name = |weight: usize| {
            let tensor = &self.body.initializers[weight];
            tensor.tensor.as_deref().unwrap_or(&tensor.name)
        };
        let measured = weights
            .iter()
            .filter(|&&weight| self.layers.contains_key(name(weight)));
        let measured: Vec<usize> = measured.copied().collect();
        let is_product = matches!(
            &*node.operator,
            "MatMul" | "Gemm" | "Conv" | "ConvTranspose" | "Einsum" | "LSTM" | "GRU" | "RNN"
        ) || !matches!(node.standard(), Some("Add" | "Mul" | "Sub" | "Div"));
        let is_lookup = node.operator == "Gather";
        let first = match measured.first() {
            Some(&first) if is_product => first,
            _ => *weights.first().filter(|_| is_lookup)?,
        };
        Some(Node {
            kind: Kind::Layer,
            name: name(first).to_owned(),
            shape: self.body.initializers[first].shape.clone(),
            layers: measured
                .iter()
                .map(|&weight| self.layers[name(weight)])
                .collect(),
            then: Vec::new(),
        })
    }

    /// A node without layers of its own: signals meet in it, or one passes.
    fn pass(&mut self, node: &GraphNode, sources: &[usize]) -> Value {
        let &[only] = sources else {
            return self.meet(node, sources);
        };
        // What comes after a fork belongs to one of its branches only.
        let is_first = self.sketch.edges.iter().all(|&(from, _)| from != only);
        if let Some(name) = notable(node).filter(|_| is_first) {
            let then = &mut self.sketch.nodes[only].then;
            if !then.iter().any(|other| other == name) {
                then.push(name.to_owned());
            }
        }
        Value::Signal(only)
    }

    /// Signals meet. A concatenation that holds all of an earlier one goes on from there: dense
    /// networks would be nothing but edges.
    fn meet(&mut self, node: &GraphNode, sources: &[usize]) -> Value {
        let junction = Node::plain(Kind::Junction, &node.operator);
        if node.operator != "Concat" {
            return self.add(junction, sources);
        }
        let all: HashSet<usize> = sources.iter().copied().collect();
        let earlier = self
            .joined
            .iter()
            .rev()
            .find(|(_, held)| held.is_subset(&all));
        let sources = match earlier {
            Some((place, held)) if held.len() == all.len() => return Value::Signal(*place),
            Some((place, held)) => {
                let others = sources.iter().filter(|source| !held.contains(source));
                std::iter::once(place).chain(others).copied().collect()
            }
            None => sources.to_vec(),
        };
        self.joined.push((self.sketch.nodes.len(), all));
        self.add(junction, &sources)
    }

    fn add(&mut self, node: Node, sources: &[usize]) -> Value {
        let place = self.sketch.nodes.len();
        self.sketch.nodes.push(node);
        self.sketch
            .edges
            .extend(sources.iter().map(|&source| (source, place)));
        Value::Signal(place)
    }

    /// The node of an input: drawn where it is first taken.
    fn input(&mut self, input: usize) -> usize {
        if let Some(&node) = self.inputs.get(&input) {
            return node;
        }
        let node = Node::plain(Kind::Input, &self.body.inputs[input].name);
        let place = self.sketch.nodes.len();
        self.sketch.nodes.push(node);
        self.inputs.insert(input, place);
        place
    }

    /// The outputs, after all else.
    fn finish(mut self) -> Sketch {
        for output in &self.body.outputs {
            if let Some(&Value::Signal(source)) = self.values.get(&*output.name) {
                let node = Node::plain(Kind::Output, &output.name);
                self.add(node, &[source]);
            }
        }
        self.sketch
    }
}

enum Meeting {
    None,
    /// Only an input.
    Given(usize),
    Signals(Vec<usize>),
}

/// The names of operators that a reader wants to see beside a layer.
fn notable(node: &GraphNode) -> Option<&str> {
    let operator = &*node.operator;
    Some(match operator {
        "Activation" => return node.text("function"),
        "BatchNormalization" => "BatchNorm",
        "LayerNormalization" => "LayerNorm",
        "GroupNormalization" => "GroupNorm",
        "InstanceNormalization" => "InstanceNorm",
        "RMSNormalization" | "SimplifiedLayerNormalization" => "RMSNorm",
        "Relu" | "LeakyRelu" | "PRelu" | "Elu" | "Selu" | "Celu" | "Gelu" | "Sigmoid" | "Tanh"
        | "Softplus" | "Softsign" | "HardSwish" | "HardSigmoid" | "Mish" | "Swish" | "Softmax"
        | "LogSoftmax" | "Sin" | "Erf" | "MaxPool" | "AveragePool" | "GlobalAveragePool"
        | "GlobalMaxPool" | "ReduceMean" | "Resize" => operator,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use semilla::model::Spec;

    use super::*;

    fn names(sketch: &Sketch) -> Vec<&str> {
        sketch.nodes.iter().map(|node| &*node.name).collect()
    }

    #[test]
    fn a_plain_network_is_a_chain() {
        let graph = Spec::graph("mlp:8-16-16-4:tanh").unwrap();
        let weights = ["layers.0.weight", "layers.1.weight", "layers.2.weight"];
        let sketch = Sketch::of(&graph, weights.into_iter());
        assert_eq!(names(&sketch)[1..4], weights);
        assert_eq!(sketch.edges, [(0, 1), (1, 2), (2, 3), (3, 4)]);
        assert_eq!(sketch.nodes[1].then, ["tanh"]);
        assert_eq!(sketch.nodes[2].layers, [1]);
        assert_eq!(sketch.nodes[4].kind, Kind::Output);
    }

    /// A graph that takes x, with square weights for layers of these names, and no nodes yet.
    fn weights(names: &[&str]) -> Graph {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        main.inputs.push(semilla::graph::Value {
            name: "x".into(),
            dtype: Some(semilla::DType::F32),
            ..Default::default()
        });
        for &name in names {
            let mut tensor = semilla::graph::Initializer::new(name, semilla::DType::F32, [4, 4]);
            tensor.tensor = Some(format!("{name}.weight"));
            main.initializers.push(tensor);
        }
        graph
    }

    #[test]
    fn a_concatenation_goes_on_from_an_earlier_one() {
        let mut graph = weights(&["a", "b", "c"]);
        let main = &mut graph.bodies_mut()[0];
        let mut held = vec!["x".to_owned()];
        for name in ["a", "b", "c"] {
            let (from, to) = (format!("{name}_in"), format!("{name}_out"));
            let names: Vec<&str> = held.iter().map(String::as_str).collect();
            let join = GraphNode::new("Concat", &names, &[&from]);
            let layer = GraphNode::new("MatMul", &[&from, name], &[&to]);
            main.nodes.extend([join, layer]);
            held.push(to);
        }
        let sketch = Sketch::of(&graph, ["a.weight", "b.weight", "c.weight"].into_iter());
        let expected = ["x", "a.weight", "Concat", "b.weight", "Concat", "c.weight"];
        assert_eq!(names(&sketch), expected);
        // The second one takes the first, and what came since.
        let mut edges = sketch.edges.clone();
        edges.sort_unstable();
        assert_eq!(
            edges,
            [(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4), (4, 5)]
        );
    }

    #[test]
    fn residual_sums_are_junctions() {
        let mut graph = weights(&["a", "b"]);
        let main = &mut graph.bodies_mut()[0];
        main.nodes = vec![
            GraphNode::new("Transpose", &["a"], &["at"]),
            GraphNode::new("MatMul", &["x", "at"], &["h"]),
            GraphNode::new("Relu", &["h"], &["r"]),
            GraphNode::new("MatMul", &["r", "b"], &["s"]),
            GraphNode::new("Add", &["s", "r"], &["sum"]),
            GraphNode::new("Relu", &["sum"], &["y"]),
        ];
        main.outputs.push(semilla::graph::Value {
            name: "y".into(),
            ..Default::default()
        });
        let sketch = Sketch::of(&graph, ["a.weight", "b.weight"].into_iter());
        assert_eq!(names(&sketch), ["x", "a.weight", "b.weight", "Add", "y"]);
        assert_eq!(sketch.edges, [(0, 1), (1, 2), (2, 3), (1, 3), (3, 4)]);
        assert_eq!(sketch.nodes[3].then, ["Relu"]);
    }
}
