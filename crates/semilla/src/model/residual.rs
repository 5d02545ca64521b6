//! Residual branches as a graph shows them, whatever its tensors are called.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;

use crate::graph::{Graph, Node, NodeId, Source, Wiring};

/// More steps than lie between the ends of a branch.
const STEPS: usize = 64;
/// Ways that part and meet again, one within the other: a written-out activation has fewer.
const NESTED: usize = 4;
/// More values than are computed inside a branch whose ways part.
const INSIDE: usize = 256;

/// Where a layer, or a scale, lies in a residual branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InBranch {
    /// The branches of the graph.
    pub(super) branches: u32,
    /// The layers in series of its own, where no normalization holds them in scale.
    pub(super) layers: Option<u32>,
    /// Whether it is the last layer of them, with no activation behind it, or the scale behind that.
    pub(super) is_end: bool,
}

/// The layers of residual branches and the scales that end them, by their nodes: what is added to
/// what it came from, or to a shorter way from there.
pub(super) fn in_branches(graph: &Graph, wiring: &Wiring<'_>) -> HashMap<NodeId, InBranch> {
    let ways = Ways {
        graph,
        wiring,
        known: RefCell::default(),
    };
    let nodes = graph.bodies()[0].nodes.iter();
    let branches: Vec<Branch> = nodes.filter_map(|node| ways.branch(node)).collect();
    let count = branches.len() as u32;
    let mut found = HashMap::new();
    for branch in &branches {
        let plain = branch.plain_layers();
        let inside = |is_end| InBranch {
            branches: count,
            layers: plain,
            is_end,
        };
        if plain.is_some() {
            found.extend(
                branch
                    .layers
                    .iter()
                    .map(|layer| (layer.node, inside(false))),
            );
        }
        found.extend(branch.end().map(|node| (node, inside(true))));
        found.extend(branch.scale.map(|node| (node, inside(true))));
    }
    found
}

/// What a sum adds to the shorter way.
struct Branch {
    /// The last one first; those before several ways meet in it are not known.
    layers: Vec<Layer>,
    /// Whether all of its layers are known.
    is_whole: bool,
    /// What multiplies it, element by element, with nothing but shifts behind.
    scale: Option<NodeId>,
}

impl Branch {
    /// The number of its layers, where they are convolutions and nothing else.
    fn plain_layers(&self) -> Option<u32> {
        let is_plain = |layer: &Layer| layer.kind == Kind::Convolution;
        let is_plain = self.is_whole && self.layers.iter().all(is_plain);
        is_plain.then_some(self.layers.len() as u32)
    }

    /// The last layer that has weights, where nothing but a normalization lies behind it.
    fn end(&self) -> Option<NodeId> {
        let mut layers = self.layers.iter();
        let layer = layers.find(|layer| layer.is_activated || layer.kind != Kind::Normalization)?;
        (!layer.is_activated && layer.kind.has_weights()).then_some(layer.node)
    }
}

/// Something on a way that is no function of single elements.
#[derive(Clone, Copy, Debug)]
struct Layer {
    node: NodeId,
    kind: Kind,
    /// Whether a function lies between it and what comes next.
    is_activated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Convolution,
    Matrix,
    Normalization,
    Other,
}

impl Kind {
    /// That of an operator that mixes elements by weights, or holds signals in scale.
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "Conv" => Self::Convolution,
            "Gemm" | "MatMul" => Self::Matrix,
            "ConvTranspose" | "LSTM" | "GRU" | "RNN" | "Einsum" | "Attention" => Self::Other,
            _ if operator.ends_with("Normalization") => Self::Normalization,
            _ => return None,
        })
    }

    fn has_weights(self) -> bool {
        matches!(self, Self::Convolution | Self::Matrix)
    }
}

/// The way back from a value.
struct Way<'g> {
    /// The values on it, itself first, each with the number of layers so far.
    values: Vec<(&'g str, usize)>,
    layers: Vec<Layer>,
    /// The last node that multiplies by stored numbers, element by element.
    scale: Option<NodeId>,
}

/// What lies between a value and the one before it.
#[derive(Clone, Copy)]
enum Passed {
    Layer {
        node: NodeId,
        kind: Kind,
    },
    /// A factor that is stored.
    Scale(NodeId),
    /// A function of single elements, or a pooling.
    Function,
    /// What changes no shape of a signal: a bias, a view.
    Nothing,
}

/// The value before each, at each depth of nesting, where there is one.
type Known<'g> = HashMap<(&'g str, usize), Option<(&'g str, Passed)>, RandomState>;

/// Ways back from values of the main body.
struct Ways<'g> {
    graph: &'g Graph,
    wiring: &'g Wiring<'g>,
    known: RefCell<Known<'g>>,
}

impl<'g> Ways<'g> {
    /// What a sum adds to the shorter way; `None` if it adds nothing of the kind.
    fn branch(&self, sum: &'g Node) -> Option<Branch> {
        let [a, b] = &*sum.inputs else { return None };
        if sum.standard() != Some("Add") || self.is_stored(a) || self.is_stored(b) {
            return None;
        }
        let [ours, theirs] = [self.back(a, NESTED), self.back(b, NESTED)];
        let whole = |way: Way<'g>, layers: usize| Branch {
            layers: way.layers[..layers].to_vec(),
            is_whole: true,
            scale: way.scale,
        };
        if let Some([our_count, their_count]) = meeting(&ours, &theirs) {
            // Two ways of the same length are two of a kind.
            return match our_count.cmp(&their_count) {
                Ordering::Greater => Some(whole(ours, our_count)),
                Ordering::Equal => None,
                Ordering::Less => Some(whole(theirs, their_count)),
            };
        }
        // Several ways that part inside a branch, as in attention and behind gates: they come from
        // what the other side is, or is made of.
        let longer = match [
            self.comes_from(&ours, &theirs),
            self.comes_from(&theirs, &ours),
        ] {
            [true, false] => ours,
            [false, true] => theirs,
            _ => return None,
        };
        (!longer.layers.is_empty()).then_some(Branch {
            layers: longer.layers,
            is_whole: false,
            scale: longer.scale,
        })
    }

    /// Whether what a way ends at is computed from a value of another way, past none of its layers.
    fn comes_from(&self, way: &Way<'g>, other: &Way<'g>) -> bool {
        let bare = other.values.iter().take_while(|(_, layers)| *layers == 0);
        let wanted: HashSet<&str, RandomState> = bare.map(|&(value, _)| value).collect();
        let end = way.values.last().map(|&(value, _)| value);
        let mut waiting: VecDeque<&str> = end.into_iter().collect();
        let mut seen: HashSet<&str, RandomState> = waiting.iter().copied().collect();
        while let Some(value) = waiting.pop_front() {
            if wanted.contains(value) {
                return true;
            }
            let Some(node) = (self.wiring.producer(0, value))
                .filter(|id| id.body == 0)
                .and_then(|id| self.graph.node(id))
            else {
                continue;
            };
            for input in node.inputs.iter().filter(|input| !input.is_empty()) {
                if seen.len() < INSIDE && !self.is_stored(input) && seen.insert(input) {
                    waiting.push_back(input);
                }
            }
        }
        false
    }

    /// Whether a value is stored in the graph, a constant of it, or one of them in another shape.
    fn is_stored(&self, value: &str) -> bool {
        let mut at = value;
        for _ in 0..STEPS {
            let node = match self.wiring.source(0, at) {
                Some(Source::Output { node, .. }) => self.graph.node(node),
                Some(Source::Input { .. }) => return false,
                Some(Source::Initializer { .. }) | None => return true,
            };
            match node.map(|node| (node.standard(), &*node.inputs)) {
                Some((Some("Constant"), _)) => return true,
                Some((Some(view), [input, ..])) if is_view(view) => at = input,
                _ => return false,
            }
        }
        false
    }

    fn back(&self, value: &'g str, nested: usize) -> Way<'g> {
        let mut way = Way {
            values: vec![(value, 0)],
            layers: Vec::new(),
            scale: None,
        };
        let (mut at, mut is_activated) = (value, false);
        while way.values.len() < STEPS {
            let Some((before, passed)) = self.before(at, nested) else {
                break;
            };
            let is_behind = way.scale.is_none() && way.layers.is_empty() && !is_activated;
            match passed {
                Passed::Layer { node, kind } => {
                    if is_behind && kind == Kind::Normalization {
                        way.scale = Some(node);
                    }
                    way.layers.push(Layer {
                        node,
                        kind,
                        is_activated,
                    });
                    is_activated = false;
                }
                Passed::Scale(node) if is_behind => way.scale = Some(node),
                Passed::Function => is_activated = true,
                Passed::Scale(_) | Passed::Nothing => {}
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
            if node.activation().is_some() {
                return Some((first, Passed::Function));
            }
            let passed = match node.standard()? {
                "Mul" => Passed::Scale(id),
                "Add" | "Sub" | "Div" => Passed::Nothing,
                view if is_view(view) => Passed::Nothing,
                operator => match Kind::of(operator) {
                    Some(kind) => Passed::Layer { node: id, kind },
                    None => Passed::Function,
                },
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
        if let Some(met) = ours.iter().find(|own| theirs.contains(own)) {
            return Some((met.0, Passed::Function));
        }
        // What a gate lets through is a part of what comes to it.
        match (node.standard()?, self.is_gate(first), self.is_gate(second)) {
            ("Mul", false, true) => Some((first, Passed::Nothing)),
            ("Mul", true, false) => Some((second, Passed::Nothing)),
            _ => None,
        }
    }

    /// Whether a value lies between 0 and 1, or is one that does in another shape.
    fn is_gate(&self, value: &'g str) -> bool {
        let mut at = value;
        for _ in 0..STEPS {
            let node = self.wiring.producer(0, at).filter(|id| id.body == 0);
            let Some(node) = node.and_then(|id| self.graph.node(id)) else {
                return false;
            };
            if let Some(name) = node.activation() {
                return matches!(name, "sigmoid" | "hardsigmoid");
            }
            match (node.standard(), node.inputs.first()) {
                (Some("Sigmoid" | "HardSigmoid"), _) => return true,
                (Some(view), Some(input)) if is_view(view) => at = input,
                _ => return false,
            }
        }
        false
    }
}

/// Whether an operator gives the same elements another shape.
pub(super) fn is_view(operator: &str) -> bool {
    matches!(
        operator,
        "Reshape"
            | "Transpose"
            | "Flatten"
            | "Squeeze"
            | "Unsqueeze"
            | "Expand"
            | "Identity"
            | "Dropout"
            | "Cast"
    )
}

/// The layers on two ways up to the first value that both come from.
fn meeting(ours: &Way<'_>, theirs: &Way<'_>) -> Option<[usize; 2]> {
    let theirs: HashMap<&str, usize, RandomState> = theirs.values.iter().copied().collect();
    let met = ours.values.iter();
    let mut met = met.filter_map(|&(value, ours)| Some([ours, *theirs.get(value)?]));
    met.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::graph::{Attribute, Initializer};
    use crate::model::{Convention, Evidence, Model, Role, graph_facts};

    /// A graph of convolutions `w0`, `w1`... and other nodes, in lines: `y = Conv x w0`. `:relu` is an
    /// activation as live modules name it.
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
            main.nodes.push(match operator.strip_prefix(':') {
                Some(name) => Node {
                    domain: "semilla".to_owned(),
                    ..Node::new("Activation", &inputs, &[made])
                }
                .with("function", Attribute::Text(name.to_owned())),
                None => Node::new(operator, &inputs, &[made]),
            });
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
    fn branches_that_end_in_a_scale() {
        let end = (true, Some(1), None);
        let normalized = "a = Conv x w0
             b = Conv a w1
             c = BatchNormalization b s t m v
             d = Add c a";
        assert_eq!(found(normalized), [OUTSIDE, end]);
        let scaled = "a = Conv x w0
             b = Conv a w1
             c = Transpose b
             d = Mul c s
             e = Add a d";
        assert_eq!(found(scaled), [OUTSIDE, (true, Some(1), Some(1))]);
        // Weights that are stored the other way round.
        let turned = "a = Conv x w0
             t = Transpose w1
             b = MatMul a t
             c = Mul b s
             d = Add a c";
        assert_eq!(found(turned), [OUTSIDE, end]);
    }

    #[test]
    fn branches_whose_ways_part() {
        // Attention of a kind, and a gate on what comes before it.
        let attention = "a = Conv x w0
             b = Conv a w1
             c = Conv a w2
             d = MatMul b c
             e = Conv d w3
             f = Add e a
             g = Conv f w4
             h = Conv g w5
             i = Sigmoid h
             j = Mul g i
             k = Add j f";
        let (inside, end) = (OUTSIDE, (true, Some(2), None));
        let known = (true, Some(2), Some(1));
        assert_eq!(
            found(attention),
            [OUTSIDE, inside, inside, end, known, inside]
        );
        let embedded = "a = Conv t w0
             b = Conv x w1
             c = Add b a";
        assert_eq!(found(embedded), [OUTSIDE; 2]);
    }

    #[test]
    fn branches_of_live_modules() {
        let own = found(
            "a = Conv x w0
             b = Conv a w1
             c = :relu b
             d = Conv c w2
             e = BatchNormalization d s t m v
             f = Conv e w3
             g = :sigmoid f
             h = Mul e g
             i = Conv a w4
             j = Add h i",
        );
        let end = (true, Some(1), None);
        assert_eq!(own, [OUTSIDE, OUTSIDE, end, OUTSIDE, OUTSIDE]);
    }

    #[test]
    fn what_is_no_branch() {
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
