//! A network as it is built: the graph and its tensors come from the same calls.

use std::collections::{HashMap, HashSet};

use crate::DType;
use crate::activation::Activation;
use crate::formula::Problem;
use crate::graph::{Attribute, Dim, Graph, Initializer, Literal, Node, Value};
use crate::model::{Convention, Evidence, Facts, Model, Role, Source, graph_facts};

/// Nodes of one network.
const NODES: usize = 1 << 20;
/// Elements of one tensor.
const ELEMENTS: usize = 1 << 40;
/// Elements of one sample of a value.
const SAMPLE: usize = 1 << 36;
/// Numbers that a network holds besides its tensors, in one place.
const CONSTANTS: usize = 1 << 24;

/// The product of sizes, where it is a number.
pub(super) fn elements(sizes: &[usize]) -> Option<usize> {
    let mut sizes = sizes.iter();
    sizes.try_fold(1usize, |all, &size| all.checked_mul(size))
}

/// Whether a constant of these sizes is small enough to be held.
pub(super) fn affordable(sizes: &[usize]) -> Result<(), Problem> {
    match elements(sizes).is_some_and(|count| count <= CONSTANTS) {
        true => Ok(()),
        false => Err(Problem::other(format!(
            "it would hold constants of the sizes {sizes:?}, more than {CONSTANTS}"
        ))),
    }
}

/// A value on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flow {
    /// Its name in the graph.
    pub(super) name: String,
    /// The sizes of its axes behind the samples.
    pub(super) sizes: Vec<usize>,
    /// Whether it is whole numbers to be looked up.
    pub(super) is_words: bool,
}

impl Flow {
    /// The value, if no sample of it has more elements than any network makes.
    pub(super) fn bounded(self) -> Result<Self, Problem> {
        match elements(&self.sizes).is_some_and(|count| count <= SAMPLE) {
            true => Ok(self),
            false => Err(Problem::other(format!("it would make {}", self.shape()))),
        }
    }

    /// Its shape in words.
    pub(super) fn shape(&self) -> String {
        let sizes = self.sizes.iter().map(|size| format!(" × {size}"));
        format!("samples{}", sizes.collect::<String>())
    }

    /// The size of its last axis.
    pub(super) fn features(&self) -> usize {
        self.sizes.last().copied().unwrap_or(1)
    }

    /// The size of its first axis behind the samples.
    pub(super) fn channels(&self) -> usize {
        self.sizes.first().copied().unwrap_or(1)
    }
}

/// A tensor of the model.
struct Entry {
    name: String,
    shape: Vec<usize>,
    dtype: DType,
}

/// A graph as it is written: each node makes values with names of their own.
#[derive(Default)]
pub(super) struct Draft {
    inputs: Vec<Value>,
    initializers: Vec<Initializer>,
    nodes: Vec<Node>,
    tensors: Vec<Entry>,
    /// The places of tensors among the initializers, by name.
    places: HashMap<String, usize>,
    facts: Vec<(String, Facts)>,
    /// The weight that made a value, with nothing but its bias behind.
    made_by: HashMap<String, String>,
    /// What attention made.
    mixed: HashSet<String>,
    /// Tensors of residual branches.
    in_branches: HashSet<String>,
    /// Residual branches around the layer that is being built.
    branches: usize,
    /// The path of the layer that is being built.
    path: String,
}

impl Draft {
    /// Whatever follows belongs to this layer.
    pub(super) fn at(&mut self, path: &str) {
        path.clone_into(&mut self.path);
    }

    pub(super) fn input(&mut self, name: &str, is_words: bool, sizes: Vec<usize>) -> Flow {
        let dims = sizes.iter().map(|&size| Dim::Known(size));
        let shape = std::iter::once(Dim::Named("batch".to_owned())).chain(dims);
        self.inputs.push(Value {
            name: name.to_owned(),
            dtype: Some(if is_words { DType::I64 } else { DType::F32 }),
            shape: Some(shape.collect()),
            ..Value::default()
        });
        Flow {
            name: name.to_owned(),
            sizes,
            is_words,
        }
    }

    /// A tensor of the model that the computation takes; its name there and in the graph.
    pub(super) fn weight(&mut self, name: &str, shape: &[usize]) -> Result<String, Problem> {
        if self.places.contains_key(name) {
            return Err(Problem::other(format!(
                "there is a tensor {name} already; give the layers different names"
            )));
        }
        if elements(shape).is_none_or(|elements| elements == 0 || elements > ELEMENTS) {
            return Err(Problem::other(format!(
                "{name} cannot have the shape {shape:?}"
            )));
        }
        self.places.insert(name.to_owned(), self.initializers.len());
        if self.is_in_branch() {
            self.in_branches.insert(name.to_owned());
        }
        self.tensors.push(Entry {
            name: name.to_owned(),
            shape: shape.to_vec(),
            dtype: DType::F32,
        });
        let mut tensor = Initializer::new(name, DType::F32, shape);
        tensor.tensor = Some(name.to_owned());
        self.initializers.push(tensor);
        Ok(name.to_owned())
    }

    /// A tensor that is there already, for a layer that shares it.
    pub(super) fn shared(&self, name: &str, shape: &[usize]) -> Result<String, Problem> {
        let place = self.places.get(name);
        let place = place
            .ok_or_else(|| Problem::other(format!("no tensor before it is called {name:?}")))?;
        let found = &self.initializers[*place].shape;
        match found == shape {
            true => Ok(name.to_owned()),
            false => Err(Problem::other(format!(
                "the tensor {name} has the shape {found:?}, not {shape:?}"
            ))),
        }
    }

    /// A tensor of whole numbers that no computation takes.
    pub(super) fn counter(&mut self, name: &str) {
        self.tensors.push(Entry {
            name: name.to_owned(),
            shape: Vec::new(),
            dtype: DType::I64,
        });
    }

    /// States facts of a tensor.
    pub(super) fn state(&mut self, name: &str, facts: impl FnOnce(Facts) -> Facts) {
        let facts = facts(Facts::from(Source::Description));
        self.facts.push((name.to_owned(), facts));
    }

    /// Whole numbers that a node takes: axes, places.
    pub(super) fn whole(&mut self, values: &[i64]) -> String {
        self.whole_of(&[values.len()], values)
    }

    /// Whole numbers of a shape.
    pub(super) fn whole_of(&mut self, shape: &[usize], values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.literal(DType::I64, shape, bytes.collect())
    }

    /// Numbers of a shape.
    pub(super) fn numbers(&mut self, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.literal(DType::F32, shape, bytes.collect())
    }

    /// The same number everywhere.
    pub(super) fn filled(&mut self, size: usize, value: f32) -> Result<String, Problem> {
        affordable(&[size])?;
        Ok(self.numbers(&[size], &vec![value; size]))
    }

    fn literal(&mut self, dtype: DType, shape: &[usize], bytes: Vec<u8>) -> String {
        let name = format!("constant_{}", self.initializers.len());
        let mut tensor = Initializer::new(&*name, dtype, shape);
        tensor.literal = Literal::new(dtype, shape, bytes);
        self.initializers.push(tensor);
        name
    }

    /// A node with one output.
    pub(super) fn put(&mut self, mut node: Node) -> Result<String, Problem> {
        let name = format!("value_{}", self.nodes.len());
        node.outputs = vec![name.clone()];
        self.push(node)?;
        Ok(name)
    }

    /// A node whose outputs have names.
    pub(super) fn push(&mut self, mut node: Node) -> Result<(), Problem> {
        if self.nodes.len() >= NODES {
            return Err(Problem::other(format!(
                "a network has at most {NODES} steps"
            )));
        }
        node.name.clone_from(&self.path);
        self.nodes.push(node);
        Ok(())
    }

    /// A node of ONNX's with one output.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str]) -> Result<String, Problem> {
        self.put(Node::new(operator, inputs, &[]))
    }

    /// The parts of a value along an axis.
    pub(super) fn split(
        &mut self,
        x: &str,
        axis: i64,
        parts: &[usize],
    ) -> Result<Vec<String>, Problem> {
        let sizes: Vec<i64> = parts.iter().map(|&size| size as i64).collect();
        let sizes = self.whole(&sizes);
        let made = self.nodes.len();
        let names = (0..parts.len()).map(|part| format!("value_{made}_{part}"));
        let names: Vec<String> = names.collect();
        let mut node = Node::new("Split", &[x, &sizes], &[]);
        node.outputs.clone_from(&names);
        self.push(node.with("axis", Attribute::Int(axis)))?;
        Ok(names)
    }

    /// Values side by side along an axis.
    pub(super) fn concat(&mut self, values: &[&str], axis: i64) -> Result<String, Problem> {
        let node = Node::new("Concat", values, &[]);
        self.put(node.with("axis", Attribute::Int(axis)))
    }

    pub(super) fn activation(&mut self, x: &str, function: Activation) -> Result<String, Problem> {
        let mut node = Node::new("Activation", &[x], &[]);
        node.domain = "semilla".to_owned();
        self.put(node.with("function", Attribute::Text(function.to_string())))
    }

    /// The axes of a value in another order; the samples are axis 0.
    pub(super) fn permuted(&mut self, x: &str, order: &[usize]) -> Result<String, Problem> {
        let order = order.iter().map(|&axis| axis as i64).collect();
        self.put(Node::new("Transpose", &[x], &[]).with("perm", Attribute::Ints(order)))
    }

    /// A value with other sizes behind the samples.
    pub(super) fn reshaped(&mut self, x: &str, sizes: &[usize]) -> Result<String, Problem> {
        let sizes = sizes.iter().map(|&size| size as i64);
        let shape: Vec<i64> = std::iter::once(0).chain(sizes).collect();
        let shape = self.whole(&shape);
        self.node("Reshape", &[x, &shape])
    }

    /// The weight of a value, for those who ask which layer made it.
    pub(super) fn made(&mut self, value: &str, weight: &str) {
        self.made_by.insert(value.to_owned(), weight.to_owned());
    }

    /// The layer that made a value.
    pub(super) fn maker(&self, value: &str) -> Option<String> {
        self.made_by.get(value).cloned()
    }

    /// What attention made; a linear layer on it is its projection.
    pub(super) fn mixed(&mut self, value: &str) {
        self.mixed.insert(value.to_owned());
    }

    pub(super) fn is_mixed(&self, value: &str) -> bool {
        self.mixed.contains(value)
    }

    /// A residual branch begins.
    pub(super) fn enter_branch(&mut self) {
        self.branches += 1;
    }

    pub(super) fn leave_branch(&mut self) {
        self.branches -= 1;
    }

    pub(super) fn is_in_branch(&self) -> bool {
        self.branches > 0
    }

    /// The computation, whose output is the last value, and its tensors.
    pub(super) fn finish(mut self, last: &Flow) -> (Model, Graph) {
        if let Some(head) = self.maker(&last.name) {
            self.state(&head, |facts| {
                facts.role(Role::Head).activation(Activation::Linear)
            });
        }
        let mut graph = Graph::new();
        graph.opsets.insert(String::new(), 23);
        graph.opsets.insert("semilla".to_owned(), 1);
        let main = &mut graph.bodies_mut()[0];
        main.name = "main".to_owned();
        main.inputs = self.inputs;
        main.initializers = self.initializers;
        main.nodes = self.nodes;
        let output = "y".to_owned();
        main.nodes
            .push(Node::new("Identity", &[&last.name], &[&output]));
        // An encoder by itself takes nothing of what its decoder would.
        let taken: HashSet<&String> = main.nodes.iter().flat_map(|node| &node.inputs).collect();
        main.inputs.retain(|input| taken.contains(&input.name));
        main.outputs.push(Value {
            name: output,
            dtype: Some(DType::F32),
            ..Value::default()
        });
        let mut evidence = Evidence::guessed(Convention::Pytorch);
        let mut found = graph_facts(&graph);
        for (name, facts) in self.facts {
            // Operators know kinds of layers only; who built them knows more.
            let of_graph = found.remove(&name).map(Facts::without_role);
            found.extend(of_graph.map(|facts| (name.clone(), facts)));
            evidence.add(name, facts);
        }
        for (name, facts) in found {
            // Chains of layers start where data come in; a branch is none.
            let facts = match self.in_branches.contains(&name) {
                true => facts.without_next(),
                false => facts,
            };
            evidence.add(name, facts);
        }
        let tensors = self.tensors.into_iter();
        let tensors = tensors.map(|entry| (entry.name, entry.shape, entry.dtype));
        (Model::derive(tensors, evidence), graph)
    }
}
