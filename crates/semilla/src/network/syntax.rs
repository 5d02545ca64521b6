//! A network's description, as it is written.

use crate::formula::{Expression, Value};

/// A whole description.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// What it is, in one sentence.
    pub(super) about: String,
    /// How it is written in one line, in errors.
    pub(super) usage: Option<String>,
    /// Values that a user may set, each with its default.
    pub(super) parameters: Vec<(String, Value)>,
    /// Values of parameters that go together, by the value of `size`.
    pub(super) presets: Vec<(String, Vec<(String, Value)>)>,
    /// Parameters that are hidden widths.
    pub(super) widths: Vec<(String, Places)>,
    /// Values that follow from parameters.
    pub(super) lets: Vec<Let>,
    /// Conditions on parameters, each with what to say where it does not hold.
    pub(super) requires: Vec<(Expression, String)>,
    pub(super) inputs: Vec<Input>,
    pub(super) blocks: Vec<Block>,
    pub(super) layers: Vec<Step>,
}

impl Document {
    /// Whether a user may set this.
    pub(super) fn has(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|(name, _)| name == parameter)
    }
}

/// Which entries of a list are hidden widths: all but so many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    pub(super) kept_at_start: usize,
    pub(super) kept_at_end: usize,
}

/// A name for an expression.
#[derive(Clone, Debug)]
pub(super) struct Let {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) value: Expression,
}

/// What comes into the network.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) line: usize,
    pub(super) name: String,
    /// Whole numbers that are looked up, instead of numbers.
    pub(super) is_words: bool,
    /// The sizes of its axes behind the samples.
    pub(super) sizes: Vec<Expression>,
}

/// Parameters of a block, each with its default.
pub(super) type Parameters = Vec<(String, Option<Expression>)>;

/// Layers with a name and parameters of their own.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) parameters: Parameters,
    pub(super) layers: Vec<Step>,
}

/// One step: what is done, under which name, how often and when.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) name: Option<Name>,
    pub(super) repeat: Option<Repeat>,
    pub(super) condition: Option<Expression>,
    pub(super) what: What,
}

/// How often a step is taken, and what its number is called.
#[derive(Clone, Debug)]
pub(super) struct Repeat {
    pub(super) count: Expression,
    pub(super) index: String,
}

/// What a step does with the value that comes in.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A layer or a block.
    Call(Call),
    /// One step after the other.
    Chain(Vec<Step>),
    /// `shortcut(x) + scale * branch(x)`.
    Residual {
        branch: Vec<Step>,
        shortcut: Vec<Step>,
        scale: Option<Expression>,
    },
    /// Several branches, made one.
    Join { by: Join, branches: Vec<Vec<Step>> },
    /// Attention over what its parts make of the value.
    Attention(Box<Attention>),
    /// Steps whose result is dropped: what they keep stays.
    Aside(Vec<Step>),
}

/// How branches become one.
#[derive(Clone, Debug)]
pub(super) enum Join {
    Add,
    Multiply,
    Concat(Option<Expression>),
}

/// Where queries, keys and values come from.
#[derive(Clone, Debug)]
pub(super) enum Operands {
    /// All of one value, side by side.
    Fused(Vec<Step>),
    /// Queries, keys and values.
    Apart([Vec<Step>; 3]),
}

/// Attention without weights of its own.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    pub(super) heads: Expression,
    pub(super) operands: Operands,
    /// Steps that make what is added to the scores.
    pub(super) bias: Option<Vec<Step>>,
    /// Further settings by name.
    pub(super) settings: Vec<(String, Expression)>,
}

/// A layer or a block with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: String,
    pub(super) positional: Vec<Expression>,
    pub(super) named: Vec<(String, Expression)>,
}

/// A name with formulas in braces: `layer{i + 1}`.
#[derive(Clone, Debug)]
pub(super) struct Name(pub(super) Vec<Part>);

/// A part of a name.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(String),
    Formula(Expression),
}

impl Name {
    /// Whether it has a formula.
    pub(super) fn varies(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Formula(_)))
    }
}
