//! Chains of layers: with nothing but activations between them, or normalizations too.

use std::collections::{HashMap, HashSet};

use super::role::Role;
use super::state_dict::Model;
use super::tensor::Tensor;
use crate::activation::Activation;

/// Layers one after the other, with nothing but biases and activations between them, or nothing at all:
/// no residual sums, no normalizations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The places of the hidden layers' weights in the model, in order.
    pub hidden: Vec<usize>,
    /// The place of the weight that takes the last one's output, where it is known.
    pub head: Option<usize>,
}

impl Model {
    /// The plain chains of the model, as [`Tensor::next`] gives them. A layer that takes the outputs
    /// of two adds them, and begins a chain of its own.
    pub fn chains(&self) -> Vec<Chain> {
        self.chains_of(|tensor| hidden(tensor).is_some())
    }

    /// The chains whose layers are each followed by a normalization and an activation.
    pub(crate) fn normalized_chains(&self) -> Vec<Chain> {
        self.chains_of(|tensor| tensor.is_normalized && activated(tensor).is_some())
    }

    /// The chains of layers that are of a kind, each with the weight behind the last one.
    fn chains_of(&self, is_hidden: impl Fn(&Tensor) -> bool) -> Vec<Chain> {
        let tensors = self.tensors.iter().enumerate();
        let linked = tensors.filter_map(|(place, tensor)| Some((place, tensor.next.as_deref()?)));
        let linked: Vec<(usize, &str)> = linked.collect();
        if linked.is_empty() {
            return Vec::new();
        }
        let wanted: HashSet<&str> = linked.iter().map(|&(_, next)| next).collect();
        let named = self.tensors.iter().enumerate();
        let named = named.filter(|(_, tensor)| wanted.contains(tensor.name.as_str()));
        let places: HashMap<&str, usize> = named.map(|(at, t)| (t.name.as_str(), at)).collect();
        let mut after: HashMap<usize, usize> = HashMap::new();
        let mut takes: HashMap<usize, usize> = HashMap::new();
        for &(place, next) in &linked {
            if let Some(&next) = places.get(next) {
                after.insert(place, next);
                *takes.entry(next).or_default() += 1;
            }
        }
        after.retain(|_, next| takes[next] == 1);
        let is_hidden = |place: &usize| is_hidden(&self.tensors[*place]);
        let before: HashMap<usize, usize> = after.iter().map(|(&at, &next)| (next, at)).collect();
        // What follows a layer of another kind begins a chain.
        let is_first = |place: &usize| !before.get(place).is_some_and(is_hidden);
        let mut firsts: Vec<usize> = after.keys().copied().filter(is_first).collect();
        firsts.sort_unstable();
        let chains = firsts.into_iter().map(|first| {
            let all = std::iter::successors(Some(first), |place| after.get(place).copied());
            let hidden = all.take_while(is_hidden).collect::<Vec<usize>>();
            let head = hidden.last().and_then(|last| after.get(last).copied());
            Chain { hidden, head }
        });
        chains.filter(|chain| !chain.hidden.is_empty()).collect()
    }
}

/// The activation of a layer in a plain chain; linear where the next layer takes what it makes as it is,
/// as that of a code.
pub(crate) fn hidden(tensor: &Tensor) -> Option<Activation> {
    let is_linear = tensor.next.is_some() && is_whole_layer(tensor);
    let linear = Some(Activation::Linear).filter(|_| is_linear && tensor.activation.is_some());
    activated(tensor)
        .or(linear)
        .filter(|_| !tensor.is_normalized)
}

/// Whether it is a layer of its own that mixes all its inputs.
fn is_whole_layer(tensor: &Tensor) -> bool {
    let layout = tensor.layout.as_ref();
    matches!(tensor.role, Role::Linear | Role::Conv | Role::ConvTranspose)
        && layout.is_some_and(|layout| layout.groups() == 1)
}

/// The activation that a layer's output goes through.
pub(crate) fn activated(tensor: &Tensor) -> Option<Activation> {
    tensor
        .activation
        .filter(|after| *after != Activation::Linear)
}

#[cfg(test)]
mod tests {
    use crate::model::Spec;

    #[test]
    fn a_chain_ends_at_its_head() {
        let model = Spec::parse("mlp:8-16-16-16-4:tanh").unwrap();
        let [chain] = &model.chains()[..] else {
            panic!("{:?}", model.chains())
        };
        let names = |places: &[usize]| -> Vec<&str> {
            places.iter().map(|&at| &*model.tensors[at].name).collect()
        };
        let hidden = ["layers.0.weight", "layers.1.weight", "layers.2.weight"];
        assert_eq!(names(&chain.hidden), hidden);
        assert_eq!(names(&[chain.head.unwrap()]), ["layers.3.weight"]);
    }

    #[test]
    fn normalized_layers_are_no_chain() {
        assert!(Spec::parse("conv:3-8-8-8:10").unwrap().chains().is_empty());
    }
}
