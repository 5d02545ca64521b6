//! Functions of one element, as a graph writes them: composed of any number of its operators, and
//! known by what they make of some numbers.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use semilla::activation::{Activation, Function};
use semilla::graph::Node;

use super::operands::Operands;
use crate::array::Array;
use crate::executor::{Made, Value};

/// Where functions are looked at: on both sides of 0, in the bulk and the tails.
const PROBES: [f64; 24] = [
    -30.0, -11.0, -6.5, -4.1, -2.9, -2.2, -1.6, -1.1, -0.75, -0.45, -0.2, -0.05, 0.05, 0.2, 0.45,
    0.75, 1.1, 1.6, 2.2, 2.9, 4.1, 6.5, 11.0, 30.0,
];
/// How closely constants of single precision let formulas agree.
const AGREES: f64 = 2e-6;

/// A function of one number.
#[derive(Clone)]
pub(super) struct Formula(Rc<Content>);

struct Content {
    at: Rc<Map>,
    probes: Vec<f64>,
    /// What expectations are taken of, once they are.
    function: OnceCell<Option<Rc<Function<'static>>>>,
}

/// From places to values.
type Map = dyn Fn(&[f64]) -> Option<Vec<f64>>;

/// What a node takes: a function of the element, or numbers.
#[derive(Clone)]
pub(super) enum Argument {
    Formula(Formula),
    Number(f64),
    Left,
}

impl PartialEq for Argument {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Formula(a), Self::Formula(b)) => Rc::ptr_eq(&a.0, &b.0),
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (Self::Left, Self::Left) => true,
            _ => false,
        }
    }
}

/// The formulas of a network: layers that write the same one share it.
pub(super) struct Formulas {
    identity: Formula,
    made: RefCell<Vec<Composed>>,
}

/// What a node made of its arguments.
struct Composed {
    node: Node,
    opset: i64,
    arguments: Vec<Argument>,
    made: Option<Formula>,
}

/// So many of the latest are kept: more than a block of layers has.
const KEPT: usize = 64;

impl Formulas {
    pub(super) fn new() -> Self {
        Self {
            identity: Formula::identity(),
            made: RefCell::default(),
        }
    }

    /// The number itself.
    pub(super) fn identity(&self) -> Formula {
        self.identity.clone()
    }

    /// What a node makes of functions of one element and numbers; `None` if it is none of each
    /// element.
    pub(super) fn of(&self, node: &Node, opset: i64, arguments: Vec<Argument>) -> Option<Formula> {
        let is_it = |known: &&Composed| {
            known.node.operator == node.operator
                && known.node.domain == node.domain
                && known.opset == opset
                && known.arguments == arguments
                && known.node.attributes == node.attributes
        };
        if let Some(known) = self.made.borrow().iter().rev().find(is_it) {
            return known.made.clone();
        }
        let made = Formula::of(node, opset, arguments.clone());
        let mut all = self.made.borrow_mut();
        if all.len() == KEPT {
            all.remove(0);
        }
        all.push(Composed {
            node: node.clone(),
            opset,
            arguments,
            made: made.clone(),
        });
        made
    }
}

impl Formula {
    fn new(at: Rc<Map>, probes: Vec<f64>) -> Self {
        Self(Rc::new(Content {
            at,
            probes,
            function: OnceCell::new(),
        }))
    }

    fn identity() -> Self {
        Self::new(Rc::new(|x: &[f64]| Some(x.to_vec())), PROBES.to_vec())
    }

    fn of(node: &Node, opset: i64, arguments: Vec<Argument>) -> Option<Self> {
        let probes = {
            let at = |argument: &Argument| match argument {
                Argument::Formula(formula) => Some(formula.0.probes.clone()),
                Argument::Number(number) => Some(vec![*number]),
                Argument::Left => None,
            };
            run(node, opset, arguments.iter().map(at).collect())?
        };
        if probes.len() != PROBES.len() {
            return None;
        }
        let node = node.clone();
        let map = move |x: &[f64]| {
            let mut operands = Vec::with_capacity(arguments.len());
            for argument in &arguments {
                operands.push(match argument {
                    Argument::Formula(formula) => Some((formula.0.at)(x)?),
                    Argument::Number(number) => Some(vec![*number]),
                    Argument::Left => None,
                });
            }
            run(&node, opset, operands)
        };
        Some(Self::new(Rc::new(map), probes))
    }

    /// The function, as one that expectations can be taken of: a well-known one if it agrees with
    /// it everywhere.
    pub(super) fn function(&self) -> Option<Rc<Function<'static>>> {
        let find = || {
            if let Some(activation) = activation(&self.0.probes) {
                return Some(Rc::new(Function::from(activation)));
            }
            let map = Rc::clone(&self.0.at);
            let value = move |x: f64| {
                map(&[x])
                    .and_then(|y| y.first().copied())
                    .unwrap_or(f64::NAN)
            };
            Function::new(value).ok().map(Rc::new)
        };
        self.0.function.get_or_init(find).clone()
    }

    /// Whether it never falls, as far as it was looked at.
    pub(super) fn rises(&self) -> bool {
        self.0.probes.windows(2).all(|pair| pair[0] <= pair[1])
    }

    /// Whether it is never below 0, as far as it was looked at.
    pub(super) fn is_positive(&self) -> bool {
        self.0.probes.iter().all(|&y| y >= 0.0)
    }

    /// Whether it is 0 with all below 0, and only there: what is below gets no gradient.
    pub(super) fn is_silent_below_0(&self) -> bool {
        let mut all = PROBES.iter().zip(&self.0.probes);
        all.all(|(x, y)| (*x < 0.0) == (*y == 0.0))
    }

    /// Whether it leaves alone what is not below 0.
    pub(super) fn keeps_positives(&self) -> bool {
        let mut all = PROBES.iter().zip(&self.0.probes).filter(|(x, _)| **x > 0.0);
        all.all(|(x, y)| (x - y).abs() <= AGREES * x)
    }

    /// Whether it is the square.
    pub(super) fn is_square(&self) -> bool {
        let mut all = PROBES.iter().zip(&self.0.probes);
        all.all(|(x, y)| (x * x - y).abs() <= AGREES * x * x)
    }

    /// Slope and intercept of a line.
    pub(super) fn line(&self) -> Option<(f64, f64)> {
        line(&self.0.probes)
    }

    /// Whether `f(x) - f(-x)` is a line, as of ReLU and all `x g(x)` with `g(x) + g(-x) = 1`.
    pub(super) fn is_odd_part_line(&self) -> bool {
        let pairs = self.0.probes.iter().zip(self.0.probes.iter().rev());
        let odd: Vec<f64> = pairs.map(|(right, left)| right - left).collect();
        line(&odd).is_some()
    }
}

/// Slope and intercept of the line with these values at the probes.
fn line(values: &[f64]) -> Option<(f64, f64)> {
    let (low, high) = (PROBES.len() / 2 - 1, PROBES.len() / 2);
    let slope = (values[high] - values[low]) / (PROBES[high] - PROBES[low]);
    let term = values[high] - slope * PROBES[high];
    let is_on = |(&x, &y): (&f64, &f64)| {
        (slope * x + term - y).abs() <= AGREES * (term.abs() + (slope * x).abs() + y.abs())
    };
    let mut all = PROBES.iter().zip(values);
    all.all(is_on).then_some((slope, term))
}

/// The well-known activation with these values at the probes.
fn activation(probes: &[f64]) -> Option<Activation> {
    let (first, one) = (probes[0], probes[probes.len() - 1]);
    let agrees = |activation: &Activation| {
        PROBES.iter().zip(probes).all(|(&x, &y)| {
            let value = activation.value(x);
            (value - y).abs() <= AGREES * (1.0 + value.abs().max(y.abs()))
        })
    };
    // The slope or the depth below 0 is a parameter.
    let with = [
        Activation::LeakyRelu {
            slope: first / PROBES[0],
        },
        Activation::Elu { alpha: -first },
        Activation::Celu { alpha: -first },
        Activation::Softshrink { lambda: 30.0 - one },
    ];
    // A PReLU's slope is learned: a formula's is a leaky ReLU's.
    let fixed = Activation::all().filter(|known| !matches!(known, Activation::Prelu { .. }));
    fixed.chain(with).find(agrees)
}

/// What an operator of each element makes of lists, in the arithmetic that networks run in.
fn run(node: &Node, opset: i64, values: Vec<Option<Vec<f64>>>) -> Option<Vec<f64>> {
    let mut operands = Operands::default();
    for values in values {
        match values {
            None => operands.left_out(),
            Some(values) => {
                let values = values.into_iter().map(|x| x as f32);
                operands.numbers(Array::list(values.collect()));
            }
        }
    }
    let made = operands.lower(node, opset).ok()?;
    let arrays = &operands.arrays;
    let made = match made {
        Made::Step {
            operator, inputs, ..
        } => {
            let arrays: Vec<&Array<f32>> = inputs.iter().map(|id| &arrays[id.0]).collect();
            operator.forward(&arrays).into_iter().next()?.into_data()
        }
        Made::Constants(made) => made.into_iter().next()?.into_data(),
        Made::Values(values) => match values.first()? {
            Value::Float(id) => arrays[id.0].data().to_vec(),
            _ => return None,
        },
        Made::Nodes(_) => return None,
    };
    Some(made.into_iter().map(f64::from).collect())
}

#[cfg(test)]
mod tests {
    use semilla::graph::Attribute;

    use super::*;

    fn of(operator: &str, arguments: Vec<Argument>) -> Formula {
        Formula::of(&Node::new(operator, &[], &[]), 20, arguments).unwrap()
    }

    fn name(formula: &Formula) -> Option<Activation> {
        activation(&formula.0.probes)
    }

    #[test]
    fn activations_are_recognized_by_their_values() {
        use Argument::*;
        let x = || Formula(super::Formula::identity());
        assert_eq!(name(&of("Relu", vec![x()])), Some(Activation::Relu));
        let sigmoid = of("Sigmoid", vec![x()]);
        let silu = of("Mul", vec![x(), Formula(sigmoid)]);
        assert_eq!(name(&silu), Some(Activation::Silu));
        // GELU as exporters write it out.
        let root = Number(f64::from(std::f32::consts::SQRT_2));
        let erf = of("Erf", vec![Formula(of("Div", vec![x(), root]))]);
        let sum = of("Add", vec![Formula(erf), Number(1.0)]);
        let gelu = of("Mul", vec![x(), Formula(sum)]);
        let gelu = of("Mul", vec![Formula(gelu), Number(0.5)]);
        assert_eq!(name(&gelu), Some(Activation::Gelu));
        let leaky = Node::new("LeakyRelu", &[], &[]).with("alpha", Attribute::Float(0.25));
        let leaky = super::Formula::of(&leaky, 20, vec![x()]).unwrap();
        assert_eq!(name(&leaky), Some(Activation::LeakyRelu { slope: 0.25 }));
        assert_eq!(
            name(&of("Clip", vec![x(), Number(0.0), Number(6.0)])),
            Some(Activation::Relu6)
        );
    }

    #[test]
    fn lines_are_told_from_bends() {
        use Argument::*;
        let x = || Formula(super::Formula::identity());
        let line = of("Mul", vec![x(), Number(3.0)]);
        let line = of("Sub", vec![Formula(line), Number(2.0)]);
        let (slope, term) = line.line().unwrap();
        // Formulas run in f32.
        assert!((slope - 3.0).abs() < 1e-5 && (term + 2.0).abs() < 1e-5);
        assert_eq!(of("Tanh", vec![x()]).line(), None);
        assert!(of("Relu", vec![x()]).is_odd_part_line());
        assert!(of("HardSwish", vec![x()]).is_odd_part_line());
        assert!(!of("Tanh", vec![x()]).is_odd_part_line());
        let relu = of("Relu", vec![x()]);
        assert!(relu.is_positive() && relu.keeps_positives());
        assert!(!of("Gelu", vec![x()]).keeps_positives());
        assert!(of("Mul", vec![x(), x()]).is_square());
        assert!(of("Pow", vec![x(), Number(2.0)]).is_square() && !relu.is_square());
        // A function of a line is one of its argument.
        let sine = of("Sin", vec![Formula(line)]);
        let found = sine.function().unwrap();
        let square = found.moments(0.0, 1.0).unwrap().square;
        // E sin²(3z - 2) = (1 - e⁻¹⁸ cos 4)/2.
        assert!((square - 0.5).abs() < 1e-6, "{square}");
    }
}
