//! Residual branches as a graph shows them, whatever its tensors are called.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use crate::graph::{Graph, Node, NodeId, Source, Wiring};

/// More steps than lie between the ends of a branch.
const STEPS: usize = 64;
/// Ways that part and meet again, one within the other: a written-out activation has fewer.
const NESTED: usize = 4;

/// Where a convolution lies in a residual branch that no normalization holds in scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InBranch {
    /// The branches of the graph.
    pub(super) branches: u32,
    /// The layers in series of its own.
    pub(super) layers: u32,
    /// Whether it is the last of them, with no activation behind it.
    pub(super) is_end: bool,
}

/// The convolutions in residual branches, by the node that each one is: what is added to what they
/// came from, or to a shorter way from there.
pub(super) fn in_branches(graph: &Graph, wiring: &Wiring<'_>) -> HashMap<NodeId, InBranch> {
    let ways = Ways {
        graph,
        wiring,
        known: RefCell::default(),
    };
    let branches: Vec<Vec<Layer>> = graph.bodies()[0]
        .nodes
        .iter()
        .filter_map(|node| ways.branch(node))
        .collect();
    let count = branches.len() as u32;
    let is_plain = |layer: &Layer| layer.is_convolution;
    let plain = branches.iter().filter(|branch| branch.iter().all(is_plain));
    let own = |branch: &Vec<Layer>, place: usize| InBranch {
        branches: count,
        layers: branch.len() as u32,
        is_end: place == 0 && !branch[place].is_activated,
    };
    plain
        .flat_map(|branch| (0..branch.len()).map(|place| (branch[place].node, own(branch, place))))
        .collect()
}

/// Something on a way that is no function of single elements.
#[derive(Clone, Copy, Debug)]
struct Layer {
    node: NodeId,
    is_convolution: bool,
    /// Whether a function lies between it and what comes next.
    is_activated: bool,
}

/// The way back from a value.
struct Way<'g> {
    /// The values on it, itself first, each with the number of layers so far.
    values: Vec<(&'g str, usize)>,
    layers: Vec<Layer>,
}

/// What lies between a value and the one before it.
#[derive(Clone, Copy)]
enum Passed {
    Layer {
        node: NodeId,
        is_convolution: bool,
    },
    /// A function of single elements, or a pooling.
    Function,
    /// What changes no shape of a signal: a bias, a factor.
    Nothing,
}

/// The value before each, at each depth of nesting, where there is one.
type Known<'g> = HashMap<(&'g str, usize), Option<(&'g str, Passed)>>;

/// Ways back from values of the main body.
struct Ways<'g> {
    graph: &'g Graph,
    wiring: &'g Wiring<'g>,
    known: RefCell<Known<'g>>,
}

impl<'g> Ways<'g> {
    /// The layers that a sum adds to the shorter way, the last one first; `None` if it adds nothing
    /// of the kind.
    fn branch(&self, sum: &'g Node) -> Option<Vec<Layer>> {
        let [a, b] = &*sum.inputs else { return None };
        if sum.standard() != Some("Add") || self.is_stored(a) || self.is_stored(b) {
            return None;
        }
        let ways = [self.back(a, NESTED), self.back(b, NESTED)];
        let counts = meeting(&ways)?;
        // Two ways of the same length are two of a kind.
        let longer = match counts[0].cmp(&counts[1]) {
            Ordering::Greater => 0,
            Ordering::Equal => return None,
            Ordering::Less => 1,
        };
        Some(ways[longer].layers[..counts[longer]].to_vec())
    }

    /// Whether a value is stored in the graph, or a constant of it.
    fn is_stored(&self, value: &str) -> bool {
        match self.wiring.source(0, value) {
            Some(Source::Output { node, .. }) => {
                self.graph.node(node).and_then(Node::standard) == Some("Constant")
            }
            Some(Source::Input { .. }) => false,
            Some(Source::Initializer { .. }) | None => true,
        }
    }

    fn back(&self, value: &'g str, nested: usize) -> Way<'g> {
        let mut way = Way {
            values: vec![(value, 0)],
            layers: Vec::new(),
        };
        let (mut at, mut is_activated) = (value, false);
        while way.values.len() < STEPS {
            let Some((before, passed)) = self.before(at, nested) else {
                break;
            };
            match passed {
                Passed::Layer {
                    node,
                    is_convolution,
                } => {
                    way.layers.push(Layer {
                        node,
                        is_convolution,
                        is_activated,
                    });
                    is_activated = false;
                }
                Passed::Function => is_activated = true,
                Passed::Nothing => {}
            }
            way.values.push((before, way.layers.len()));
            at = before;
        }
        way
    }

    /// The one value that a value is computed from, besides stored ones.
    fn before(&self, value: &'g str, nested: usize) -> Option<(&'g str, Passed)> {
        let known = self.known.borrow().get(&(value, nested)).copied();
        known.unwrap_or_else(|| {
            let found = self.found(value, nested);
            self.known.borrow_mut().insert((value, nested), found);
            found
        })
    }

    fn found(&self, value: &'g str, nested: usize) -> Option<(&'g str, Passed)> {
        let id = self.wiring.producer(0, value).filter(|id| id.body == 0)?;
        let node = self.graph.node(id)?;
        let is_given = |input: &&str| !input.is_empty() && !self.is_stored(input);
        let mut given = node.inputs.iter().map(String::as_str).filter(is_given);
        let first = given.next()?;
        let Some(second) = given.next() else {
            let passed = match node.standard()? {
                "Identity" | "Dropout" | "Cast" | "Add" | "Sub" | "Mul" | "Div" => Passed::Nothing,
                operator if is_layer(operator) => Passed::Layer {
                    node: id,
                    is_convolution: operator == "Conv",
                },
                _ => Passed::Function,
            };
            return Some((first, passed));
        };
        // An activation that is written out: what it joins comes from one value, past no layer.
        if nested == 0 || given.next().is_some() {
            return None;
        }
        let ways = [self.back(first, nested - 1), self.back(second, nested - 1)];
        let bare = |way: &Way<'g>| {
            way.values
                .iter()
                .take_while(|(_, layers)| *layers == 0)
                .count()
        };
        let [ours, theirs] = [0, 1].map(|i| &ways[i].values[..bare(&ways[i])]);
        let met = ours.iter().find(|own| theirs.contains(own))?;
        Some((met.0, Passed::Function))
    }
}

/// The layers on two ways up to the first value that both come from.
fn meeting(ways: &[Way<'_>; 2]) -> Option<[usize; 2]> {
    let theirs: HashMap<&str, usize> = ways[1].values.iter().copied().collect();
    let met = ways[0].values.iter();
    let mut met = met.filter_map(|&(value, ours)| Some([ours, *theirs.get(value)?]));
    met.next()
}

/// Whether an operator mixes elements by weights, or holds signals in scale.
fn is_layer(operator: &str) -> bool {
    matches!(
        operator,
        "Conv"
            | "Gemm"
            | "MatMul"
            | "ConvTranspose"
            | "LSTM"
            | "GRU"
            | "RNN"
            | "Einsum"
            | "Attention"
    ) || operator.ends_with("Normalization")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::graph::Initializer;
    use crate::model::{Convention, Evidence, Model, Role, graph_facts};

    /// A graph of convolutions `w0`, `w1`... and other nodes, in lines: `y = Conv x w0`.
    fn model(lines: &str) -> Model {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        let mut tensors = Vec::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (made, node) = line.split_once(" = ").unwrap();
            let (operator, inputs) = node.split_once(' ').unwrap();
            let inputs: Vec<&str> = inputs.split(' ').collect();
            for weight in inputs.iter().filter(|input| input.starts_with('w')) {
                tensors.push(((*weight).to_owned(), vec![8, 8, 3, 3], DType::F32));
                main.initializers.push(Initializer {
                    tensor: Some((*weight).to_owned()),
                    ..Initializer::new(*weight, DType::F32, [8, 8, 3, 3])
                });
            }
            main.nodes.push(Node::new(operator, &inputs, &[made]));
        }
        let mut evidence = Evidence::guessed(Convention::Pytorch);
        for (name, facts) in graph_facts(&graph) {
            evidence.add(name, facts);
        }
        Model::derive(tensors, evidence)
    }

    /// Whether each convolution ends a branch, of how many, and the layers in series of its own.
    fn found(lines: &str) -> Vec<(bool, Option<u32>, Option<u32>)> {
        let model = model(lines);
        let tensors = model.tensors.iter();
        tensors
            .map(|tensor| {
                let is_end = tensor.role == Role::ResidualOut;
                (is_end, tensor.branches, tensor.branch_layers)
            })
            .collect()
    }

    const OUTSIDE: (bool, Option<u32>, Option<u32>) = (false, None, None);

    #[test]
    fn branches_without_names() {
        let own = found(
            "a = Conv x w0
             b = Relu a
             c = Conv b w1
             d = Relu c
             e = Conv d w2
             f = Add e a
             g = Conv f w3
             h = Sigmoid g
             i = Mul g h
             j = Conv i w4
             k = Mul j two
             l = Conv f w5
             m = Add l k",
        );
        let (inside, end) = ((false, Some(2), Some(2)), (true, Some(2), Some(2)));
        // The first layer is in none, and the last is the short way of the second branch.
        assert_eq!(own, [OUTSIDE, inside, end, inside, end, OUTSIDE]);
    }

    #[test]
    fn what_is_no_branch() {
        let normalized = "a = Conv x w0
             b = Conv a w1
             c = BatchNormalization b s t m v
             d = Add c a";
        assert_eq!(found(normalized), [OUTSIDE; 2]);
        let two_of_a_kind = "a = Conv x w0
             b = Conv x w1
             c = Add a b";
        assert_eq!(found(two_of_a_kind), [OUTSIDE; 2]);
        let activated = "a = Conv x w0
             b = Conv a w1
             c = Relu b
             d = Add a c";
        assert_eq!(found(activated)[1], (false, Some(1), Some(1)));
        let apart = "a = Conv x w0
             b = Conv y w1
             c = Conv b w2
             d = Add a c";
        assert_eq!(found(apart), [OUTSIDE; 3]);
    }
}
