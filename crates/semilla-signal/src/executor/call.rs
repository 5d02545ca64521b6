//! A node about to run: its inputs and attributes, checked as they are asked for.

use std::sync::Arc;

use semilla::graph::{Attribute, Literal, Node};

use super::datum::{Value, ValueId};
use super::fault::Problem;
use super::operator::Operator;
use crate::array::{Array, checked_size};
use crate::real::Real;

/// A node with what it takes.
pub(crate) struct Call<'a, T> {
    /// The node.
    pub(crate) node: &'a Node,
    /// The version of its domain's operators.
    pub(crate) opset: i64,
    /// Its inputs; `None` where one is left out.
    pub(crate) inputs: Vec<Option<Value>>,
    /// All arrays of the trace.
    pub(crate) arrays: &'a [Array<T>],
    /// Whether batch normalizations use the batch's own statistics.
    pub(crate) is_training: bool,
}

/// A float input.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a, T> {
    /// Its place in the trace.
    pub(crate) id: ValueId,
    /// Its elements.
    pub(crate) array: &'a Array<T>,
}

/// What a node comes to.
pub(crate) enum Made<T: Real> {
    /// A step on arrays, through which gradients flow.
    Step {
        operator: Box<dyn Operator<T>>,
        inputs: Vec<ValueId>,
        /// Outputs behind those of the step that are known already.
        more: Vec<Value>,
    },
    /// Other nodes, which stand for this one.
    Nodes(Stand),
    /// Values that are known already.
    Values(Vec<Value>),
    /// Arrays through which no gradient flows.
    Constants(Vec<Array<T>>),
}

/// Nodes that stand for one.
pub(crate) struct Stand {
    /// In the order in which they run.
    pub(crate) nodes: Vec<Node>,
    /// What they take, under the names `0`, `1`...
    pub(crate) inputs: Vec<Option<Value>>,
    /// The names of what the node makes.
    pub(crate) outputs: Vec<String>,
}

impl<T: Real> Made<T> {
    /// A step.
    pub(crate) fn step<'a>(
        operator: impl Operator<T> + 'static,
        inputs: impl IntoIterator<Item = Operand<'a, T>>,
    ) -> Result<Self, Problem> {
        Ok(Made::Step {
            operator: Box::new(operator),
            inputs: inputs.into_iter().map(|operand| operand.id).collect(),
            more: Vec::new(),
        })
    }

    /// One list of whole numbers.
    pub(crate) fn whole(array: Array<i64>) -> Result<Self, Problem> {
        Ok(Made::Values(vec![Value::Whole(Arc::new(array))]))
    }

    /// One array through which no gradient flows.
    pub(crate) fn constant(array: Array<T>) -> Result<Self, Problem> {
        Ok(Made::Constants(vec![array]))
    }
}

/// The most elements of one array.
const LARGEST: usize = 1 << 30;

/// The number of elements of a shape that is about to be made.
pub(crate) fn affordable(shape: &[usize]) -> Result<usize, Problem> {
    match checked_size(shape) {
        Some(size) if size <= LARGEST => Ok(size),
        size => Err(Problem::TooLarge(size.unwrap_or(usize::MAX))),
    }
}

impl<'a, T: Real> Call<'a, T> {
    /// Nodes that stand for this one, and take its inputs under the names `0`, `1`...
    pub(crate) fn stand(&self, nodes: Vec<Node>, outputs: &[&str]) -> Made<T> {
        Made::Nodes(Stand {
            nodes,
            inputs: self.inputs.clone(),
            outputs: outputs.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    /// Whether an input is there.
    pub(crate) fn has(&self, input: usize) -> bool {
        self.inputs.get(input).is_some_and(Option::is_some)
    }

    /// An input.
    pub(crate) fn value(&self, input: usize) -> Result<&Value, Problem> {
        let value = self.inputs.get(input).and_then(Option::as_ref);
        value.ok_or(Problem::MissingInput(input))
    }

    /// Whether the input is an array of floats.
    pub(crate) fn is_float(&self, input: usize) -> bool {
        matches!(self.inputs.get(input), Some(Some(Value::Float(_))))
    }

    /// Whether all inputs that are there are whole numbers.
    pub(crate) fn are_whole(&self) -> bool {
        let mut given = self.inputs.iter().flatten();
        given.all(|value| matches!(value, Value::Whole(_)))
    }

    /// An array of floats.
    pub(crate) fn float(&self, input: usize) -> Result<Operand<'a, T>, Problem> {
        match self.value(input)? {
            &Value::Float(id) => Ok(self.operand(id)),
            _ => Err(Problem::Kind {
                input,
                expected: "an array of floats",
            }),
        }
    }

    /// An array of floats that may be left out.
    pub(crate) fn optional(&self, input: usize) -> Result<Option<Operand<'a, T>>, Problem> {
        self.has(input).then(|| self.float(input)).transpose()
    }

    /// An array of the trace.
    pub(crate) fn operand(&self, id: ValueId) -> Operand<'a, T> {
        Operand {
            id,
            array: &self.arrays[id.0],
        }
    }

    /// Whole numbers.
    pub(crate) fn whole(&self, input: usize) -> Result<Arc<Array<i64>>, Problem> {
        match self.value(input)? {
            Value::Whole(array) => Ok(Arc::clone(array)),
            _ => Err(Problem::Kind {
                input,
                expected: "whole numbers",
            }),
        }
    }

    /// A single number, of either kind.
    pub(crate) fn number(&self, input: usize) -> Result<f64, Problem> {
        let one = match self.value(input)? {
            Value::Whole(array) if array.data().len() == 1 => Some(array.data()[0] as f64),
            Value::Float(id) => {
                let array = self.operand(*id).array;
                (array.data().len() == 1).then(|| array.data()[0].f64())
            }
            _ => None,
        };
        one.ok_or(Problem::Kind {
            input,
            expected: "a single number",
        })
    }

    /// A list of whole numbers that newer versions take as an input and older ones as an
    /// attribute; `None` if it is in neither place.
    pub(crate) fn list(
        &self,
        input: usize,
        attribute: &'static str,
    ) -> Result<Option<Vec<i64>>, Problem> {
        if self.has(input) {
            return Ok(Some(self.whole(input)?.data().to_vec()));
        }
        self.ints(attribute)
    }

    /// An attribute that is a list of whole numbers.
    pub(crate) fn ints(&self, name: &'static str) -> Result<Option<Vec<i64>>, Problem> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values.clone())),
            Some(other) => Err(nonsense(name, other)),
        }
    }

    /// An attribute that is a whole number.
    pub(crate) fn int(&self, name: &'static str, default: i64) -> Result<i64, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(other) => Err(nonsense(name, other)),
        }
    }

    /// An attribute that is a number.
    pub(crate) fn real(&self, name: &'static str, default: f64) -> Result<f64, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(&Attribute::Float(value)) => Ok(value.into()),
            Some(&Attribute::Int(value)) => Ok(value as f64),
            Some(other) => Err(nonsense(name, other)),
        }
    }

    /// An attribute that is a text.
    pub(crate) fn text(&self, name: &'static str, default: &'a str) -> Result<&'a str, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::Text(value)) => Ok(value),
            Some(other) => Err(nonsense(name, other)),
        }
    }

    /// Values without a gradient that an attribute holds.
    pub(crate) fn literal(literal: &Literal) -> Option<Made<T>> {
        let shape = literal.shape().to_vec();
        if literal.dtype().is_float() {
            let values = literal.floats().into_iter().map(T::of).collect();
            return Made::constant(Array::new(shape, values)?).ok();
        }
        Made::whole(Array::new(shape, literal.ints()?)?).ok()
    }

    /// An axis that may be counted from the end.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Problem> {
        let from_start = if axis < 0 { axis + rank as i64 } else { axis };
        let found = usize::try_from(from_start).ok().filter(|&axis| axis < rank);
        found.ok_or_else(|| Problem::Attribute {
            name: "axis",
            value: format!("{axis} of {rank} axes"),
        })
    }

    /// Axes that may be counted from the end, in order.
    pub(crate) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, Problem> {
        let found: Result<Vec<usize>, _> = axes.iter().map(|&axis| self.axis(axis, rank)).collect();
        let mut found = found?;
        found.sort_unstable();
        found.dedup();
        match found.len() == axes.len() {
            true => Ok(found),
            false => Err(Problem::Attribute {
                name: "axes",
                value: format!("{axes:?} names one twice"),
            }),
        }
    }

    /// The error of shapes that do not go together.
    pub(crate) fn shapes(&self, what: &'static str) -> Problem {
        let shape = |value: &Value| match value {
            Value::Float(id) => Some(self.arrays[id.0].shape().to_vec()),
            Value::Whole(array) => Some(array.shape().to_vec()),
            Value::List(_) => None,
        };
        let found = self.inputs.iter().flatten().filter_map(shape).collect();
        Problem::Shapes { what, found }
    }
}

fn nonsense(name: &'static str, value: &Attribute) -> Problem {
    let value: String = format!("{value:?}").chars().take(80).collect();
    Problem::Attribute { name, value }
}
