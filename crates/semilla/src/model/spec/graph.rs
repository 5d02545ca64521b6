//! The computation of a described model.

use super::description::{Description, HEAD, POSITIONS};
use crate::DType;
use crate::activation::Activation;
use crate::graph::{Attribute, Dim, Graph, Initializer, Literal, Node, Value};

/// The graph of a description.
pub(super) fn of(description: &Description) -> Graph {
    let mut draft = Draft::default();
    match *description {
        Description::Mlp { ref sizes, after } => mlp(&mut draft, sizes, after),
        Description::Conv {
            ref channels,
            outputs,
            after,
        } => conv(&mut draft, channels, outputs, after),
        Description::Transformer {
            layers,
            width,
            vocabulary,
            after,
        } => transformer(&mut draft, layers, width, vocabulary, after),
        Description::Lstm {
            input,
            hidden,
            outputs,
        } => lstm(&mut draft, input, hidden, outputs),
    }
    draft.graph()
}

fn mlp(draft: &mut Draft, sizes: &[usize], after: Activation) {
    let mut x = draft.input("x", DType::F32, &["batch"], &sizes[..1]);
    let last = sizes.len() - 2;
    for (i, pair) in sizes.windows(2).enumerate() {
        x = draft.linear(&format!("layers.{i}"), &x, pair[0], pair[1]);
        if i < last {
            x = draft.activation(&x, after);
        }
    }
}

fn conv(draft: &mut Draft, channels: &[usize], outputs: usize, after: Activation) {
    let mut x = draft.input("x", DType::F32, &["batch"], &channels[..1]);
    let shape = draft.inputs[0].shape.as_mut();
    let image = ["height", "width"].map(|name| Dim::Named(name.to_owned()));
    shape.expect("it was just given").extend(image);
    for (i, pair) in channels.windows(2).enumerate() {
        let weight = draft.weight(
            &format!("features.{i}.conv.weight"),
            &[pair[1], pair[0], 3, 3],
        );
        let convolution = Node::new("Conv", &[&x, &weight], &[]);
        x = draft.put(convolution.with("pads", Attribute::Ints(vec![1; 4])));
        let parts = ["weight", "bias", "running_mean", "running_var"];
        let parts =
            parts.map(|part| draft.weight(&format!("features.{i}.norm.{part}"), &pair[1..]));
        let [scale, shift, mean, variance] = parts;
        let inputs = [&*x, &scale, &shift, &mean, &variance];
        x = draft.put(Node::new("BatchNormalization", &inputs, &[]));
        x = draft.activation(&x, after);
    }
    x = draft.put(Node::new("GlobalAveragePool", &[&x], &[]));
    x = draft.put(Node::new("Flatten", &[&x], &[]));
    draft.linear("classifier", &x, channels[channels.len() - 1], outputs);
}

fn transformer(
    draft: &mut Draft,
    layers: usize,
    width: usize,
    vocabulary: usize,
    after: Activation,
) {
    let tokens = draft.input("tokens", DType::I64, &["batch", "length"], &[]);
    let words = draft.weight("wte.weight", &[vocabulary, width]);
    let positions = draft.weight("wpe.weight", &[POSITIONS, width]);
    let words = draft.put(Node::new("Gather", &[&words, &tokens], &[]));
    let length = Node::new("Shape", &[&tokens], &[]).with("start", Attribute::Int(1));
    let length = draft.put(length);
    let first = draft.numbers(&[0]);
    let positions = draft.put(Node::new("Slice", &[&positions, &first, &length], &[]));
    let mut x = draft.put(Node::new("Add", &[&words, &positions], &[]));
    for layer in 0..layers {
        let block = format!("blocks.{layer}");
        let normal = draft.norm(&format!("{block}.ln_1"), &x, width);
        let both = draft.dense(&format!("{block}.attn.qkv"), &normal, width, 3 * width);
        let parts = draft.split(&both, -1, &[width as i64; 3]);
        let heads = Attribute::Int((width / HEAD) as i64);
        let attention = Node::new("Attention", &[&parts[0], &parts[1], &parts[2]], &[])
            .with("is_causal", Attribute::Int(1))
            .with("q_num_heads", heads.clone())
            .with("kv_num_heads", heads);
        let mixed = draft.put(attention);
        let mixed = draft.dense(&format!("{block}.attn.proj"), &mixed, width, width);
        x = draft.put(Node::new("Add", &[&x, &mixed], &[]));
        let normal = draft.norm(&format!("{block}.ln_2"), &x, width);
        let hidden = draft.dense(&format!("{block}.mlp.fc1"), &normal, width, 4 * width);
        let hidden = draft.activation(&hidden, after);
        let made = draft.dense(&format!("{block}.mlp.fc2"), &hidden, 4 * width, width);
        x = draft.put(Node::new("Add", &[&x, &made], &[]));
    }
    let x = draft.norm("ln_f", &x, width);
    let head = draft.weight("lm_head.weight", &[vocabulary, width]);
    let head = draft.put(Node::new("Transpose", &[&head], &[]));
    draft.put(Node::new("MatMul", &[&x, &head], &[]));
}

fn lstm(draft: &mut Draft, input: usize, hidden: usize, outputs: usize) {
    let x = draft.input("x", DType::F32, &["batch", "length"], &[input]);
    let order = Attribute::Ints(vec![1, 0, 2]);
    let x = draft.put(Node::new("Transpose", &[&x], &[]).with("perm", order));
    let mut operands = vec![x];
    for (part, inner) in [("ih", input), ("hh", hidden)] {
        let weight = draft.weight(&format!("lstm.weight_{part}_l0"), &[4 * hidden, inner]);
        let weight = draft.gates(&weight, hidden);
        operands.push(draft.raised(&weight));
    }
    let biases = ["ih", "hh"].map(|part| {
        let bias = draft.weight(&format!("lstm.bias_{part}_l0"), &[4 * hidden]);
        draft.gates(&bias, hidden)
    });
    let biases = Node::new("Concat", &[&biases[0], &biases[1]], &[]);
    let biases = draft.put(biases.with("axis", Attribute::Int(0)));
    operands.push(draft.raised(&biases));
    let inputs: Vec<&str> = operands.iter().map(|name| &**name).collect();
    let mut layer = Node::new("LSTM", &inputs, &["states", "last"]);
    layer = layer.with("hidden_size", Attribute::Int(hidden as i64));
    draft.nodes.push(layer);
    let axes = draft.numbers(&[0]);
    let last = draft.put(Node::new("Squeeze", &["last", &axes], &[]));
    draft.linear("head", &last, hidden, outputs);
}

/// A graph as it is written: each node makes one value with a name of its own.
#[derive(Default)]
struct Draft {
    inputs: Vec<Value>,
    initializers: Vec<Initializer>,
    nodes: Vec<Node>,
}

impl Draft {
    fn input(&mut self, name: &str, dtype: DType, named: &[&str], known: &[usize]) -> String {
        let named = named.iter().map(|&name| Dim::Named(name.to_owned()));
        let known = known.iter().map(|&size| Dim::Known(size));
        self.inputs.push(Value {
            name: name.to_owned(),
            dtype: Some(dtype),
            shape: Some(named.chain(known).collect()),
            ..Value::default()
        });
        name.to_owned()
    }

    fn weight(&mut self, name: &str, shape: &[usize]) -> String {
        let mut tensor = Initializer::new(name, DType::F32, shape);
        tensor.tensor = Some(name.to_owned());
        self.initializers.push(tensor);
        name.to_owned()
    }

    /// Whole numbers that a node takes: axes, places.
    fn numbers(&mut self, values: &[i64]) -> String {
        let name = format!("numbers_{}", self.initializers.len());
        let mut tensor = Initializer::new(&*name, DType::I64, [values.len()]);
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        tensor.literal = Literal::new(DType::I64, [values.len()], bytes);
        self.initializers.push(tensor);
        name
    }

    fn put(&mut self, mut node: Node) -> String {
        let name = format!("value_{}", self.nodes.len());
        node.outputs = vec![name.clone()];
        self.nodes.push(node);
        name
    }

    fn split(&mut self, x: &str, axis: i64, parts: &[i64]) -> Vec<String> {
        let sizes = self.numbers(parts);
        let made = self.nodes.len();
        let names: Vec<String> = (0..parts.len())
            .map(|part| format!("value_{made}_{part}"))
            .collect();
        let mut node = Node::new("Split", &[x, &sizes], &[]);
        node.outputs.clone_from(&names);
        self.nodes.push(node.with("axis", Attribute::Int(axis)));
        names
    }

    /// A weight `[out, in]` and a bias on rows of samples.
    fn linear(&mut self, name: &str, x: &str, inputs: usize, outputs: usize) -> String {
        let weight = self.weight(&format!("{name}.weight"), &[outputs, inputs]);
        let bias = self.weight(&format!("{name}.bias"), &[outputs]);
        let node = Node::new("Gemm", &[x, &weight, &bias], &[]);
        self.put(node.with("transB", Attribute::Int(1)))
    }

    /// A weight `[out, in]` and a bias on the last axis.
    fn dense(&mut self, name: &str, x: &str, inputs: usize, outputs: usize) -> String {
        let weight = self.weight(&format!("{name}.weight"), &[outputs, inputs]);
        let bias = self.weight(&format!("{name}.bias"), &[outputs]);
        let weight = self.put(Node::new("Transpose", &[&weight], &[]));
        let product = self.put(Node::new("MatMul", &[x, &weight], &[]));
        self.put(Node::new("Add", &[&product, &bias], &[]))
    }

    fn norm(&mut self, name: &str, x: &str, width: usize) -> String {
        let scale = self.weight(&format!("{name}.weight"), &[width]);
        let shift = self.weight(&format!("{name}.bias"), &[width]);
        self.put(Node::new("LayerNormalization", &[x, &scale, &shift], &[]))
    }

    fn activation(&mut self, x: &str, function: Activation) -> String {
        let mut node = Node::new("Activation", &[x], &[]);
        node.domain = "semilla".to_owned();
        self.put(node.with("function", Attribute::Text(function.to_string())))
    }

    /// PyTorch's gates (input, forget, cell, output) in ONNX's order (input, output, forget,
    /// cell).
    fn gates(&mut self, x: &str, hidden: usize) -> String {
        let parts = self.split(x, 0, &[hidden as i64; 4]);
        let ordered = [0, 3, 1, 2].map(|gate| &*parts[gate]);
        self.put(Node::new("Concat", &ordered, &[]).with("axis", Attribute::Int(0)))
    }

    /// A new first axis.
    fn raised(&mut self, x: &str) -> String {
        let axes = self.numbers(&[0]);
        self.put(Node::new("Unsqueeze", &[x, &axes], &[]))
    }

    /// The graph, whose output is what the last node makes.
    fn graph(mut self) -> Graph {
        let mut graph = Graph::new();
        graph.opsets.insert(String::new(), 23);
        graph.opsets.insert("semilla".to_owned(), 1);
        if let Some(last) = self.nodes.last_mut() {
            last.outputs[0] = "y".to_owned();
        }
        let main = &mut graph.bodies_mut()[0];
        main.name = "main".to_owned();
        main.inputs = self.inputs;
        main.initializers = self.initializers;
        main.nodes = self.nodes;
        main.outputs.push(Value {
            name: "y".to_owned(),
            dtype: Some(DType::F32),
            ..Value::default()
        });
        graph
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::graph::{Wiring, order};
    use crate::model::Spec;

    #[test]
    fn the_graph_takes_the_tensors_that_are_listed() {
        for text in [
            "mlp:784-256-10:tanh",
            "conv:3-32-64:10",
            "transformer:2x128:1000",
            "lstm:16-32:4",
        ] {
            let graph = Spec::graph(text).unwrap();
            let taken: BTreeMap<&str, &[usize]> = (graph.main().initializers.iter())
                .filter_map(|tensor| Some((tensor.tensor.as_deref()?, &*tensor.shape)))
                .collect();
            let model = Spec::parse(text).unwrap();
            // A counter takes no part in the computation.
            let tensors = model
                .tensors
                .iter()
                .filter(|tensor| tensor.dtype.is_float());
            let listed: BTreeMap<&str, &[usize]> = tensors
                .map(|tensor| (&*tensor.name, &*tensor.shape))
                .collect();
            assert_eq!(taken, listed, "{text}");
            assert!(order(&graph, &Wiring::of(&graph), 0).is_ok(), "{text}");
        }
    }
}
