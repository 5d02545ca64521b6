//! Activations as graphs write them: one node, or several that compute the same function.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::activation::Activation;
use crate::graph::{Graph, Node, NodeId, Source, Wiring};

/// More nodes than any activation is written with.
const MOST: usize = 16;
/// Numbers are computed from stored ones in few steps, of few operands.
const STEPS: usize = 4;
const OPERANDS: usize = 3;
/// Where functions are compared: on both sides of 0, in the bulk and the tails.
const PROBES: Values = [
    -11.0, -6.5, -4.1, -2.9, -2.2, -1.6, -1.1, -0.75, -0.45, -0.2, 0.2, 0.45, 0.75, 1.1, 1.6, 2.2,
    2.9, 4.1, 6.5, 11.0,
];
/// A function's values there.
type Values = [f64; 20];
/// How closely constants of single precision let formulas agree.
const AGREES: f64 = 2e-6;

/// An activation behind a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Behind {
    pub(super) activation: Activation,
    /// What the value is multiplied by first.
    pub(super) times: f64,
    /// The node that ends it.
    pub(super) last: NodeId,
}

/// The activation that all takers of a node's output compute together, if they do: the longest
/// such formula.
pub(super) fn behind(graph: &Graph, wiring: &Wiring<'_>, node: NodeId) -> Option<Behind> {
    let numbers = Numbers { graph, wiring };
    let (mut at, mut times) = (node, 1.0);
    for _ in 0..MOST {
        let output = graph.node(at)?.outputs.first()?;
        let only = match wiring.uses(at.body, output) {
            [only] => *only,
            _ => break,
        };
        let Some(factor) = numbers.factor(only.node, only.input) else {
            break;
        };
        times *= factor;
        at = only.node;
    }
    let output = graph.node(at)?.outputs.first()?;
    let (activation, last) = Region::of(&numbers, at.body, output).function()?;
    Some(Behind {
        activation,
        times,
        last,
    })
}

/// Numbers that a graph holds or computes from others that it holds.
struct Numbers<'g> {
    graph: &'g Graph,
    wiring: &'g Wiring<'g>,
}

impl Numbers<'_> {
    /// A single number, if the value is one.
    fn single(&self, body: usize, name: &str) -> Option<f64> {
        self.computed(body, name, STEPS)
    }

    fn computed(&self, body: usize, name: &str, steps: usize) -> Option<f64> {
        match self.wiring.source(body, name)? {
            Source::Initializer { body, index } => {
                let stored = &self.graph.bodies()[body].initializers[index];
                match stored.literal.as_ref()?.floats()[..] {
                    [number] => Some(number),
                    _ => None,
                }
            }
            Source::Output { node: id, .. } if steps > 0 => {
                let node = self.graph.node(id)?;
                if node.inputs.len() > OPERANDS {
                    return None;
                }
                let inputs = node.inputs.iter();
                let given: Option<Vec<f64>> = inputs
                    .map(|input| self.computed(id.body, input, steps - 1))
                    .collect();
                let given: Vec<Option<f64>> = given?.into_iter().map(Some).collect();
                element(node, activation_of(node), &given)
            }
            _ => None,
        }
    }

    /// What a node multiplies one of its inputs by, if that is all it does.
    fn factor(&self, id: NodeId, input: usize) -> Option<f64> {
        let node = self.graph.node(id)?;
        let other = |place: usize| self.single(id.body, node.inputs.get(place)?);
        match (node.standard()?, input) {
            ("Mul", 0 | 1) => other(1 - input),
            ("Div", 0) => Some(1.0 / other(1)?),
            ("Identity" | "Dropout", 0) => Some(1.0),
            _ => None,
        }
    }
}

/// What is computed from one value, element by element, and from numbers.
struct Region<'g> {
    numbers: &'g Numbers<'g>,
    body: usize,
    /// Functions of the value, by name, at the probes.
    known: HashMap<&'g str, Values, RandomState>,
    /// The nodes, in the order in which they can run.
    nodes: Vec<NodeId>,
}

impl<'g> Region<'g> {
    fn of(numbers: &'g Numbers<'g>, body: usize, value: &'g str) -> Self {
        Self {
            numbers,
            body,
            known: HashMap::from_iter([(value, PROBES)]),
            nodes: Vec::new(),
        }
    }

    /// The longest well-known function of the value that is all that is left of it.
    fn function(mut self) -> Option<(Activation, NodeId)> {
        let mut found = None;
        while self.nodes.len() < MOST
            && let Some((id, name, values)) = self.next()
        {
            self.nodes.push(id);
            self.known.insert(name, values);
            if self.ends_at(name)
                && let Some(activation) = self.activation(id, name)
            {
                found = Some((activation, id));
            }
        }
        found
    }

    /// A node that can be added: all that it takes is known.
    fn next(&self) -> Option<(NodeId, &'g str, Values)> {
        let takers = self.known.keys().flat_map(|name| self.takers(name));
        let new: BTreeSet<NodeId> = takers.filter(|id| !self.nodes.contains(id)).collect();
        new.into_iter().find_map(|id| self.run(id))
    }

    /// The activation that a node of the region ends.
    fn activation(&self, id: NodeId, name: &str) -> Option<Activation> {
        let own = self.numbers.graph.node(id).and_then(activation_of);
        match own.filter(|_| self.nodes.len() == 1) {
            // It may have a parameter.
            Some(activation) => Some(activation),
            None => well_known(&self.known[name]),
        }
    }

    fn takers(&self, name: &str) -> impl Iterator<Item = NodeId> + use<'g> {
        let uses = self.numbers.wiring.uses(self.body, name);
        let graph = self.numbers.graph;
        // A shape does not depend on the values.
        let takes_values = move |id: &NodeId| {
            graph
                .node(*id)
                .is_none_or(|node| node.standard() != Some("Shape"))
        };
        uses.iter().map(|used| used.node).filter(takes_values)
    }

    fn run(&self, id: NodeId) -> Option<(NodeId, &'g str, Values)> {
        let node = self
            .numbers
            .graph
            .node(id)
            .filter(|_| id.body == self.body)?;
        let [output] = &node.outputs[..] else {
            return None;
        };
        if node.inputs.len() > OPERANDS {
            return None;
        }
        let own = activation_of(node);
        let mut values = PROBES;
        for (probe, value) in values.iter_mut().enumerate() {
            let at = |name: &String| match self.known.get(name.as_str()) {
                Some(values) => Some(Some(values[probe])),
                None if name.is_empty() => Some(None),
                None => self.numbers.single(self.body, name).map(Some),
            };
            let given: Vec<Option<f64>> = node.inputs.iter().map(at).collect::<Option<_>>()?;
            *value = element(node, own, &given)?;
        }
        Some((id, output, values))
    }

    /// Whether nothing but nodes of the region takes what it knows, except one value.
    fn ends_at(&self, last: &str) -> bool {
        let inner = self.known.keys().filter(|name| **name != last);
        let mut takers = inner.flat_map(|name| self.takers(name));
        takers.all(|id| self.nodes.contains(&id))
    }
}

/// The activation that has these values at the probes.
fn well_known(values: &[f64]) -> Option<Activation> {
    Activation::all().find(|activation| {
        *activation != Activation::Linear
            && PROBES.iter().zip(values).all(|(&x, value)| {
                let expected = activation.value(x);
                (value - expected).abs() <= AGREES * expected.abs().max(1.0)
            })
    })
}

/// The activation that a node is.
pub(crate) fn activation_of(node: &Node) -> Option<Activation> {
    if let Some(name) = node.activation() {
        return name.parse().ok();
    }
    // 0.2 is meant, not the nearest f32's digits.
    let number = |alpha: f32| alpha.to_string().parse().unwrap_or(f64::from(alpha));
    let alpha = |default: f64| node.float("alpha").map_or(default, number);
    Some(match node.standard()? {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::LeakyRelu { slope: alpha(0.01) },
        "Elu" => Activation::Elu { alpha: alpha(1.0) },
        "Celu" => Activation::Celu { alpha: alpha(1.0) },
        "Selu" => Activation::Selu,
        "Gelu" if node.text("approximate") == Some("tanh") => Activation::GeluTanh,
        "Gelu" => Activation::Gelu,
        "Mish" => Activation::Mish,
        "Swish" if node.float("alpha").is_none_or(|alpha| alpha == 1.0) => Activation::Silu,
        "HardSwish" => Activation::Hardswish,
        "Softplus" => Activation::Softplus,
        "Softsign" => Activation::Softsign,
        "Tanh" => Activation::Tanh,
        "Sigmoid" => Activation::Sigmoid,
        "Erf" => Activation::Erf,
        "Sin" => Activation::Sin,
        "Cos" => Activation::Cos,
        "Atan" => Activation::Arctan,
        "Abs" => Activation::Abs,
        _ => return None,
    })
}

/// What a node of one output makes of numbers, given the activation that it is, if it is one; `None`
/// if it is no function of each element.
fn element(node: &Node, own: Option<Activation>, given: &[Option<f64>]) -> Option<f64> {
    let x = given.first().copied().flatten()?;
    if let Some(activation) = own {
        return Some(activation.value(x));
    }
    let at = |place: usize| given.get(place).copied().flatten();
    let all = || given.iter().flatten().copied();
    let number = |name: &str, default: f64| node.float(name).map_or(default, f64::from);
    Some(match node.standard()? {
        "Add" => x + at(1)?,
        "Sub" => x - at(1)?,
        "Mul" => x * at(1)?,
        "Div" => x / at(1)?,
        "Pow" => x.powf(at(1)?),
        "Max" => all().fold(f64::NEG_INFINITY, f64::max),
        "Min" => all().fold(f64::INFINITY, f64::min),
        "Clip" => {
            let low = at(1).unwrap_or(number("min", f64::NEG_INFINITY));
            let high = at(2).unwrap_or(number("max", f64::INFINITY));
            x.max(low).min(high)
        }
        "HardSigmoid" => (number("alpha", 0.2) * x + number("beta", 0.5)).clamp(0.0, 1.0),
        "Neg" => -x,
        "Reciprocal" => 1.0 / x,
        "Sqrt" => x.sqrt(),
        "Exp" => x.exp(),
        "Log" => x.ln(),
        "Identity" | "Cast" | "CastLike" => x,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::graph::{Initializer, Literal};

    /// The activation behind `x` that nodes compute, where `k30` is the number 30 and so on.
    fn found(nodes: &[(&str, &[&str], &str)]) -> Option<(Activation, f64, usize)> {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        main.nodes.push(Node::new("MatMul", &["in", "w"], &["x"]));
        for &(operator, inputs, output) in nodes {
            main.nodes.push(Node::new(operator, inputs, &[output]));
            for name in inputs.iter().filter(|name| name.starts_with('k')) {
                let number: f32 = name[1..].parse().unwrap();
                let mut stored = Initializer::new(*name, DType::F32, []);
                stored.literal = Literal::new(DType::F32, [], number.to_le_bytes().to_vec());
                main.initializers.push(stored);
            }
        }
        main.nodes.push(Node::new("MatMul", &["y", "v"], &["out"]));
        let found = behind(&graph, &Wiring::of(&graph), NodeId { body: 0, index: 0 })?;
        Some((found.activation, found.times, found.last.index))
    }

    #[test]
    fn activations_of_several_nodes() {
        let silu = [("Sigmoid", &["x"][..], "s"), ("Mul", &["x", "s"], "y")];
        assert_eq!(found(&silu), Some((Activation::Silu, 1.0, 2)));
        let gelu = [
            ("Div", &["x", "k1.4142135"][..], "a"),
            ("Erf", &["a"], "b"),
            ("Add", &["b", "k1"], "c"),
            ("Mul", &["x", "c"], "d"),
            ("Mul", &["d", "k0.5"], "y"),
        ];
        assert_eq!(found(&gelu), Some((Activation::Gelu, 1.0, 5)));
        let gelu_tanh = [
            ("Pow", &["x", "k3"][..], "a"),
            ("Mul", &["a", "k0.044715"], "b"),
            ("Add", &["x", "b"], "c"),
            ("Mul", &["c", "k0.7978846"], "d"),
            ("Tanh", &["d"], "e"),
            ("Add", &["e", "k1"], "f"),
            ("Mul", &["x", "k0.5"], "g"),
            ("Mul", &["g", "f"], "y"),
        ];
        assert_eq!(found(&gelu_tanh), Some((Activation::GeluTanh, 1.0, 8)));
        let mish = [
            ("Softplus", &["x"][..], "a"),
            ("Tanh", &["a"], "b"),
            ("Mul", &["x", "b"], "y"),
        ];
        assert_eq!(found(&mish), Some((Activation::Mish, 1.0, 3)));
        let hardswish = [
            ("Add", &["x", "k3"][..], "a"),
            ("Clip", &["a", "k0", "k6"], "b"),
            ("Mul", &["x", "b"], "c"),
            ("Div", &["c", "k6"], "y"),
        ];
        assert_eq!(found(&hardswish), Some((Activation::Hardswish, 1.0, 4)));
    }

    #[test]
    fn the_longest_formula_counts() {
        let relu6 = [("Relu", &["x"][..], "a"), ("Min", &["a", "k6"], "y")];
        assert_eq!(found(&relu6), Some((Activation::Relu6, 1.0, 2)));
        let tanh = [("Tanh", &["x"][..], "a"), ("Mul", &["a", "k3"], "y")];
        assert_eq!(found(&tanh), Some((Activation::Tanh, 1.0, 1)));
    }

    #[test]
    fn factors_come_first() {
        let siren = [("Mul", &["k30", "x"][..], "a"), ("Sin", &["a"], "y")];
        assert_eq!(found(&siren), Some((Activation::Sin, 30.0, 2)));
        let half = [("Div", &["x", "k2"][..], "a"), ("Relu", &["a"], "y")];
        assert_eq!(found(&half), Some((Activation::Relu, 0.5, 2)));
    }

    #[test]
    fn what_is_taken_elsewhere_too_is_none() {
        let shared = [("Sigmoid", &["x"][..], "y"), ("Neg", &["x"], "n")];
        assert_eq!(found(&shared), None);
        let gate = [("Sigmoid", &["x"][..], "s"), ("Mul", &["in", "s"], "y")];
        assert_eq!(found(&gate), Some((Activation::Sigmoid, 1.0, 1)));
        assert_eq!(found(&[("Mul", &["x", "in"], "y")]), None);
    }
}
