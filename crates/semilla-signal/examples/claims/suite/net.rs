//! Networks for experiments: graphs written node by node, and weights by name.

use std::collections::BTreeMap;
use std::error::Error;

use semilla::graph::{Attribute, Graph, Initializer, Node, Value};
use semilla::model::Spec;
use semilla::{DType, Recipe};
use semilla_signal::{Array, Datum, Mode, Real, Trace};

/// A network with one input `x` and one output `y`.
pub(crate) struct Net<T> {
    pub(crate) graph: Graph,
    /// By name, in the order of the graph.
    pub(crate) weights: BTreeMap<String, Array<T>>,
}

impl<T: Real> Net<T> {
    /// A described network with the weights of a recipe.
    pub(crate) fn described(
        text: &str,
        recipe: &Recipe,
        seed: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let plan = recipe.plan(&Spec::parse(text)?, seed)?;
        let mut weights = BTreeMap::new();
        for line in &plan.tensors {
            let datum = Datum::decode(line.dtype, &line.shape, &line.to_bytes()?);
            if let Some(Datum::Float(array)) = datum {
                weights.insert(line.name.clone(), array);
            }
        }
        let graph = Spec::graph(text)?;
        Ok(Self { graph, weights })
    }

    /// The forward pass on a batch.
    pub(crate) fn run(&self, x: &Array<T>) -> Result<Trace<T>, Box<dyn Error>> {
        let weight = |tensor: &Initializer| {
            let array = self.weights.get(tensor.tensor.as_ref()?)?;
            Some(Datum::Float(array.clone()))
        };
        let inputs = [("x", Datum::Float(x.clone()))];
        Ok(Trace::record(&self.graph, Mode::Training, inputs, weight)?)
    }
}

/// A network as it is written.
pub(crate) struct Draft<T> {
    nodes: Vec<Node>,
    names: Vec<String>,
    weights: BTreeMap<String, Array<T>>,
}

impl<T: Real> Draft<T> {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            names: Vec::new(),
            weights: BTreeMap::new(),
        }
    }

    /// A weight.
    pub(crate) fn weight(&mut self, array: Array<T>) -> String {
        let name = format!("w{:03}", self.names.len());
        self.names.push(name.clone());
        self.weights.insert(name.clone(), array);
        name
    }

    /// What an operator makes.
    pub(crate) fn put(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.add(Node::new(operator, inputs, &[]))
    }

    /// What a node makes.
    pub(crate) fn add(&mut self, mut node: Node) -> String {
        let name = format!("v{}", self.nodes.len());
        node.outputs = vec![name.clone()];
        self.nodes.push(node);
        name
    }

    /// A normalization of the last axis, without scale and shift of its own.
    pub(crate) fn normalized(&mut self, x: &str, width: usize) -> String {
        let scale = self.weight(Array::filled([width], T::one()));
        let node = Node::new("LayerNormalization", &[x, &scale], &[]);
        self.add(node.with("axis", Attribute::Int(-1)))
    }

    /// The network, whose output is what the last node makes.
    pub(crate) fn net(mut self) -> Net<T> {
        let mut graph = Graph::new();
        graph.opsets.insert(String::new(), 23);
        if let Some(last) = self.nodes.last_mut() {
            last.outputs[0] = "y".to_owned();
        }
        let named = |name: &str| Value {
            name: name.to_owned(),
            dtype: Some(DType::F32),
            ..Value::default()
        };
        let main = &mut graph.bodies_mut()[0];
        main.inputs.push(named("x"));
        main.outputs.push(named("y"));
        main.nodes = self.nodes;
        main.initializers = (self.names.iter())
            .map(|name| Initializer {
                tensor: Some(name.clone()),
                ..Initializer::new(name.as_str(), DType::F32, self.weights[name].shape())
            })
            .collect();
        Net {
            graph,
            weights: self.weights,
        }
    }
}

/// `mlp:` with as many equal layers.
pub(crate) fn plain(
    inputs: usize,
    width: usize,
    layers: usize,
    outputs: usize,
    after: &str,
) -> String {
    let hidden = vec![width.to_string(); layers].join("-");
    format!("mlp:{inputs}-{hidden}-{outputs}:{after}")
}

/// Normal numbers of a standard deviation.
pub(crate) fn normal<T: Real>(name: &str, seed: u64, shape: &[usize], std: f64) -> Array<T> {
    let tensor = semilla::Tensor::new(name, shape, DType::F32);
    let values: Vec<f32> = (semilla::init::normal().std(std))
        .generate(&tensor, seed)
        .expect("a normal of any shape");
    let values = values.into_iter().map(|x| T::of(x.into())).collect();
    Array::new(shape, values).expect("as many as the shape has")
}
