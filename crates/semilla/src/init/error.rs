//! Why an initializer cannot be used on a tensor.

use crate::activation::{Activation, ExpectationError};
use crate::distribution::DistributionError;
use crate::dtype::DType;
use crate::expression::ExpressionError;
use crate::fill::FillError;
use crate::fit::Fit;
use crate::layout::LayoutError;
use crate::model::{Part, Role};
use crate::number::Short;

/// Why an initializer cannot be used on a tensor.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InitError {
    /// The values were to come from a checkpoint.
    #[error(
        "its values must come from a checkpoint and no checkpoint has them; \
         name one with --from or [[pretrained]]"
    )]
    NoCheckpoint,
    /// The initializer needs to know the axes.
    #[error(
        "{initializer} needs to know which axis is which, and role {role} does not say it; \
         state it in a rule, such as layout = \"EOI\" for stacked experts"
    )]
    NoLayout {
        /// The initializer.
        initializer: &'static str,
        /// The tensor's role.
        role: Role,
    },
    /// The layout does not fit.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A parameter's expression has no value at this tensor.
    #[error("{initializer}: {parameter}: {source}")]
    Expression {
        /// The initializer.
        initializer: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Why not.
        source: ExpressionError,
    },
    /// The distribution cannot be drawn from.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// The fill cannot be carried out.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// The parts of a fused weight get values of their own, and their places are not known.
    #[error(
        "{initializer} gives each of its parts ({}) values of its own, and where they lie in it is \
         not known; state it in a rule: set = {{ fused = {{ parts = [{}], turns = 1 }} }}, with the \
         number of heads for turns if they alternate head by head",
        roles(.parts), stated(.parts)
    )]
    NoOrder {
        /// The initializer.
        initializer: &'static str,
        /// The parts.
        parts: Vec<Part>,
    },
    /// The tensor's numbers cannot be fitted so.
    #[error(
        "fit = \"{fit}\" is for {} with values that have a scale, and this is a {role}", fit.needs()
    )]
    Fit {
        /// The fit.
        fit: Fit,
        /// The tensor's role.
        role: Role,
    },
    /// The initializer is for other shapes.
    #[error("{initializer} needs {needs}; the shape is {shape:?}")]
    Shape {
        /// The initializer.
        initializer: &'static str,
        /// The requirement, in words.
        needs: String,
        /// The shape.
        shape: Vec<usize>,
    },
    /// A parameter lies outside its range.
    #[error("{initializer}: {parameter} is {}; it must be {range}", Short(*.value))]
    Parameter {
        /// The initializer.
        initializer: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// Where it must lie.
        range: &'static str,
    },
    /// A parameter is so large or so small that the weights would be 0 or infinite.
    #[error(
        "{initializer}: with {parameter} {value} the weights would be 0 or infinite; \
         choose a value nearer to the default"
    )]
    Scale {
        /// The initializer.
        initializer: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        value: String,
    },
    /// A fan is zero.
    #[error("{initializer} divides by {fan}, which is {value} for shape {shape:?}")]
    Fan {
        /// The initializer.
        initializer: &'static str,
        /// Which fan.
        fan: &'static str,
        /// Its value.
        value: f64,
        /// The shape.
        shape: Vec<usize>,
    },
    /// The fan_in of a bias is its weight's, and no weight is known.
    #[error(
        "{initializer} divides by the fan_in of the bias's weight, and no weight was found beside \
         this bias; use zeros or uniform, or set the tensor's bias_fan_in"
    )]
    NoWeight {
        /// The initializer.
        initializer: &'static str,
    },
    /// The activation has no gain.
    #[error("{activation} has no variance-preserving gain: {source}; give a scale instead")]
    Gain {
        /// The activation.
        activation: Activation,
        /// Why not.
        source: ExpectationError,
    },
    /// A tensor was asked for in a different element type than its own.
    #[error(
        "tensor {name:?} is {actual}, not {asked}; ask for its own type or change the tensor's"
    )]
    DType {
        /// The tensor.
        name: String,
        /// Its type.
        actual: DType,
        /// The type asked for.
        asked: DType,
    },
}

fn roles(parts: &[Part]) -> String {
    let names: Vec<&str> = parts.iter().map(|part| part.role.name()).collect();
    names.join(", ")
}

/// The parts as a rule states them.
fn stated(parts: &[Part]) -> String {
    let part = |part: &Part| format!("{{ role = \"{}\", size = {} }}", part.role, part.size);
    let parts: Vec<String> = parts.iter().map(part).collect();
    parts.join(", ")
}
