//! What `auto` does with each role: asked of it, so that the answer is what it does.

use super::auto;
use super::definition::Recipe;
use super::start::Starts;
use crate::activation::Activation;
use crate::dtype::DType;
use crate::init::Initializer;
use crate::layout::{FanRule, Layout};
use crate::model::{Convention, Model, Role, Tensor};
use crate::network::Network;

/// What the recipe `auto` does with a tensor of one role in one situation.
#[derive(Clone, Debug, PartialEq)]
pub struct ByRole {
    /// The role.
    pub role: Role,
    /// The situation, in words; empty where nothing more is known of the tensor.
    pub when: &'static str,
    /// The initializer.
    pub initializer: Initializer,
    /// The reason.
    pub reason: String,
}

/// A situation: what it is called, and how it changes a tensor and its model.
type Situation = (&'static str, fn(&mut Tensor, &mut Model));

const SITUATIONS: &[Situation] = &[
    ("", |_, _| {}),
    ("in a stack of residual blocks", |tensor, model| {
        tensor.layers = Some(LAYERS);
        model.layers = Some(LAYERS);
        model.width = Some(WIDTH);
    }),
    ("before ReLU", |tensor, _| {
        tensor.activation = Some(Activation::Relu)
    }),
    ("before GELU", |tensor, _| {
        tensor.activation = Some(Activation::Gelu)
    }),
    ("before SELU", |tensor, _| {
        tensor.activation = Some(Activation::Selu)
    }),
    ("before a sine", |tensor, _| {
        tensor.activation = Some(Activation::Sin)
    }),
    ("no activation follows", |tensor, _| {
        tensor.activation = Some(Activation::Linear)
    }),
    ("the model's output", |tensor, _| tensor.is_output = true),
    ("convolutions", |tensor, _| *tensor = of_kernels(tensor)),
    ("before a normalization", |tensor, _| {
        tensor.is_normalized = true
    }),
    ("an LSTM's four gates", |tensor, _| {
        tensor.blocks = vec![1; 4]
    }),
    ("a gate of cross-attention", |tensor, _| {
        tensor.name = "blocks.0.gate_ffw".to_owned()
    }),
];

/// Plain chains, by the activation between their layers.
const CHAINS: [(&str, Activation); 5] = [
    ("30 plain layers, before ReLU", Activation::Relu),
    ("30 plain layers, before GELU", Activation::Gelu),
    ("30 plain layers, before SELU", Activation::Selu),
    ("30 plain layers, before tanh", Activation::Tanh),
    ("30 plain layers, before a sigmoid", Activation::Sigmoid),
];

const LAYERS: usize = 12;
const WIDTH: usize = 768;

impl Recipe {
    /// What the recipe `auto` does, role by role: first where nothing more is known of a tensor,
    /// then every situation in which it does something else.
    ///
    /// ```
    /// use semilla::{Recipe, Role};
    /// let rows = Recipe::auto_by_role();
    /// let head = rows.iter().find(|row| row.role == Role::Head).unwrap();
    /// assert!(head.when.is_empty() && !head.reason.is_empty());
    /// ```
    pub fn auto_by_role() -> Vec<ByRole> {
        let chains = CHAINS
            .iter()
            .flat_map(|&(when, after)| in_chain(when, after));
        let chains: Vec<ByRole> = chains.collect();
        let mut rows: Vec<ByRole> = Vec::new();
        for role in Role::ALL {
            let first = rows.len();
            let alone = SITUATIONS
                .iter()
                .filter_map(|&(when, change)| probe(role, when, change));
            let chains = chains.iter().filter(|row| row.role == role);
            for row in alone.chain(chains.cloned()) {
                let is_known = |known: &ByRole| known.initializer == row.initializer;
                if !rows[first..].iter().any(is_known) {
                    rows.push(row);
                }
            }
        }
        rows
    }
}

fn probe(role: Role, when: &'static str, change: fn(&mut Tensor, &mut Model)) -> Option<ByRole> {
    let mut tensor = match role.is_matrix() {
        true => Tensor::linear("weight", WIDTH, WIDTH),
        false => Tensor::new("weight", [WIDTH], DType::F32),
    };
    let mut model = Model::infer([], Convention::Pytorch);
    tensor.role = role;
    change(&mut tensor, &mut model);
    let decision = auto::decide(&tensor, &model, &Starts::default(), FanRule::Exact)?;
    Some(ByRole {
        role,
        when,
        initializer: decision.initializer,
        reason: decision.reason,
    })
}

/// The tensors of a chain: a layer in the middle, its bias, and the head.
fn in_chain(when: &'static str, after: Activation) -> Vec<ByRole> {
    let network = Network::named(&format!("mlp:{}8:{after}", "8-".repeat(31)));
    let Ok(Network { model, .. }) = network else {
        return Vec::new();
    };
    let starts = Starts::of(&model, |_| true);
    let row = |(role, name): (Role, &str)| {
        let tensor = model.tensors.iter().find(|tensor| tensor.name == name)?;
        let (initializer, reason) = starts.of_tensor(tensor)?;
        Some(ByRole {
            role,
            when,
            initializer,
            reason: reason.into_owned(),
        })
    };
    let tensors = [
        (Role::Linear, "layers.1.weight"),
        (Role::Bias, "layers.1.bias"),
        (Role::Head, "layers.30.weight"),
    ];
    tensors.into_iter().filter_map(row).collect()
}

/// The same tensor as a kernel, where its role is a weight's.
fn of_kernels(tensor: &Tensor) -> Tensor {
    match tensor.role.is_matrix() {
        true => Tensor::new(&*tensor.name, [WIDTH, WIDTH, 3, 3], DType::F32)
            .with(tensor.role, Layout::conv(2)),
        false => tensor.clone(),
    }
}
