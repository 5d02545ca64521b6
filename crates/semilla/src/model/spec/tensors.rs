//! The tensors of a described model.

use super::description::{Description, POSITIONS};
use crate::activation::Activation;
use crate::dtype::DType;
use crate::model::convention::Convention;
use crate::model::facts::{Evidence, Facts};
use crate::model::role::Role;
use crate::model::source::Source;
use crate::model::state_dict::Model;

/// The model of a description.
pub(super) fn model(description: &Description) -> Model {
    let mut builder = Builder::new();
    match *description {
        Description::Mlp { ref sizes, after } => mlp(&mut builder, sizes, after),
        Description::Conv {
            ref channels,
            outputs,
            after,
        } => conv(&mut builder, channels, outputs, after),
        Description::Transformer {
            layers,
            width,
            vocabulary,
            after,
        } => transformer(&mut builder, layers, width, vocabulary, after),
        Description::Lstm {
            input,
            hidden,
            outputs,
        } => lstm(&mut builder, input, hidden, outputs),
    }
    builder.build()
}

/// Collects named shapes, and the facts that only the description states.
struct Builder {
    tensors: Vec<(String, Vec<usize>, DType)>,
    activations: Vec<(String, Activation)>,
    heads: Vec<String>,
    normalized: Vec<String>,
    /// Weights, and those that take their output.
    next: Vec<(String, String)>,
}

impl Builder {
    fn new() -> Self {
        Self {
            tensors: Vec::new(),
            activations: Vec::new(),
            heads: Vec::new(),
            normalized: Vec::new(),
            next: Vec::new(),
        }
    }

    fn push(&mut self, name: String, shape: Vec<usize>) {
        self.tensors.push((name, shape, DType::F32));
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize, after: Option<Activation>) {
        self.push(format!("{name}.weight"), vec![outputs, inputs]);
        self.push(format!("{name}.bias"), vec![outputs]);
        self.activations
            .extend(after.map(|after| (format!("{name}.weight"), after)));
    }

    fn head(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.linear(name, inputs, outputs, Some(Activation::Linear));
        self.heads.push(format!("{name}.weight"));
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.push(format!("{name}.weight"), vec![width]);
        self.push(format!("{name}.bias"), vec![width]);
    }

    fn build(self) -> Model {
        let described = || Facts::from(Source::Description);
        let mut evidence = Evidence::guessed(Convention::Pytorch);
        let activations = self.activations.iter();
        let activations = activations.map(|(name, after)| (name, described().activation(*after)));
        let heads = self
            .heads
            .iter()
            .map(|name| (name, described().role(Role::Head)));
        let normalized = self
            .normalized
            .iter()
            .map(|name| (name, described().normalized()));
        let next = self.next.iter();
        let next = next.map(|(name, next)| (name, described().next(next.as_str())));
        for (name, facts) in activations.chain(heads).chain(normalized).chain(next) {
            evidence.add(name, facts);
        }
        Model::derive(self.tensors, evidence)
    }
}

fn mlp(builder: &mut Builder, sizes: &[usize], after: Activation) {
    let last = sizes.len() - 2;
    for (i, pair) in sizes.windows(2).enumerate() {
        let name = format!("layers.{i}");
        match i == last {
            true => builder.head(&name, pair[0], pair[1]),
            false => {
                builder.linear(&name, pair[0], pair[1], Some(after));
                let next = format!("layers.{}.weight", i + 1);
                builder.next.push((format!("{name}.weight"), next));
            }
        }
    }
}

fn conv(builder: &mut Builder, channels: &[usize], outputs: usize, after: Activation) {
    for (i, pair) in channels.windows(2).enumerate() {
        let name = format!("features.{i}.conv.weight");
        builder.push(name.clone(), vec![pair[1], pair[0], 3, 3]);
        builder.activations.push((name.clone(), after));
        builder.normalized.push(name);
        let norm = format!("features.{i}.norm");
        builder.norm(&norm, pair[1]);
        builder.push(format!("{norm}.running_mean"), vec![pair[1]]);
        builder.push(format!("{norm}.running_var"), vec![pair[1]]);
        let counter = (format!("{norm}.num_batches_tracked"), vec![], DType::I64);
        builder.tensors.push(counter);
    }
    builder.head("classifier", channels[channels.len() - 1], outputs);
}

fn transformer(
    builder: &mut Builder,
    layers: usize,
    width: usize,
    vocabulary: usize,
    after: Activation,
) {
    builder.push("wte.weight".into(), vec![vocabulary, width]);
    builder.push("wpe.weight".into(), vec![POSITIONS, width]);
    for layer in 0..layers {
        let block = format!("blocks.{layer}");
        builder.norm(&format!("{block}.ln_1"), width);
        builder.linear(&format!("{block}.attn.qkv"), width, 3 * width, None);
        builder.linear(&format!("{block}.attn.proj"), width, width, None);
        builder.norm(&format!("{block}.ln_2"), width);
        builder.linear(&format!("{block}.mlp.fc1"), width, 4 * width, Some(after));
        builder.linear(&format!("{block}.mlp.fc2"), 4 * width, width, None);
    }
    builder.norm("ln_f", width);
    builder.push("lm_head.weight".into(), vec![vocabulary, width]);
}

fn lstm(builder: &mut Builder, input: usize, hidden: usize, outputs: usize) {
    builder.push("lstm.weight_ih_l0".into(), vec![4 * hidden, input]);
    builder.push("lstm.weight_hh_l0".into(), vec![4 * hidden, hidden]);
    builder.push("lstm.bias_ih_l0".into(), vec![4 * hidden]);
    builder.push("lstm.bias_hh_l0".into(), vec![4 * hidden]);
    builder.head("head", hidden, outputs);
}
