//! Plain chains: layers with nothing but activations between them.

use std::collections::{HashMap, HashSet};

use super::state_dict::Model;
use super::tensor::Tensor;
use crate::activation::Activation;

/// Layers one after the other, with nothing but biases and activations between them: no residual
/// sums, no normalizations.
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
        let followers: HashSet<usize> = after.values().copied().collect();
        let mut firsts: Vec<usize> = after.keys().copied().collect();
        firsts.retain(|place| !followers.contains(place));
        firsts.sort_unstable();
        let is_hidden = |place: &usize| hidden(&self.tensors[*place]).is_some();
        let chains = firsts.into_iter().map(|first| {
            let all = std::iter::successors(Some(first), |place| after.get(place).copied());
            let hidden = all.take_while(is_hidden).collect::<Vec<usize>>();
            let head = hidden.last().and_then(|last| after.get(last).copied());
            Chain { hidden, head }
        });
        chains.filter(|chain| !chain.hidden.is_empty()).collect()
    }
}

/// The activation of a layer in a plain chain.
pub(crate) fn hidden(tensor: &Tensor) -> Option<Activation> {
    let activation = tensor.activation?;
    (activation != Activation::Linear && !tensor.is_normalized).then_some(activation)
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
