//! Arithmetic over what is known of a tensor: `0.02 / sqrt(2 * layers)`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::number::Short;
use crate::suggest::did_you_mean;

/// A variable that an expression may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variable {
    /// Inputs per output of the tensor (of the block, for a fused weight).
    FanIn,
    /// Outputs per input.
    FanOut,
    /// The number of residual blocks of the model.
    Layers,
    /// The number of residual blocks of the encoder of an encoder-decoder.
    EncoderLayers,
    /// The number of residual blocks of the decoder of an encoder-decoder.
    DecoderLayers,
    /// The number of residual branches of the stack that the tensor lies in: two per block of a
    /// transformer, three per block of a decoder that attends to an encoder.
    Branches,
    /// The number of layers in series in the residual branch that the tensor lies in.
    BranchLayers,
    /// The number of the residual block that the tensor lies in, from 0.
    DepthIndex,
    /// The width of the model's residual stream.
    Width,
    /// The width that a recipe's numbers were tuned at (muP).
    BaseWidth,
    /// The gain that keeps the variance under the activation behind the tensor; 1 where none is
    /// known.
    Gain,
    /// The number of elements.
    Numel,
    /// The number of axes.
    Ndim,
}

impl Variable {
    /// Every variable.
    pub const ALL: [Variable; 13] = [
        Variable::FanIn,
        Variable::FanOut,
        Variable::Layers,
        Variable::EncoderLayers,
        Variable::DecoderLayers,
        Variable::Branches,
        Variable::BranchLayers,
        Variable::DepthIndex,
        Variable::Width,
        Variable::BaseWidth,
        Variable::Gain,
        Variable::Numel,
        Variable::Ndim,
    ];

    /// The name in an expression.
    pub const fn name(self) -> &'static str {
        match self {
            Variable::FanIn => "fan_in",
            Variable::FanOut => "fan_out",
            Variable::Layers => "layers",
            Variable::EncoderLayers => "encoder_layers",
            Variable::DecoderLayers => "decoder_layers",
            Variable::Branches => "branches",
            Variable::BranchLayers => "branch_layers",
            Variable::DepthIndex => "depth_index",
            Variable::Width => "width",
            Variable::BaseWidth => "base_width",
            Variable::Gain => "gain",
            Variable::Numel => "numel",
            Variable::Ndim => "ndim",
        }
    }
}

/// The functions, as errors list them.
const FUNCTIONS: [&str; 8] = ["min", "max", "sqrt", "log", "log2", "exp", "ceil", "floor"];

/// The values of the variables; what is not known is `None`.
pub trait Variables {
    /// The value, if it is known.
    fn get(&self, variable: Variable) -> Option<f64>;
}

/// Nothing is known: for expressions without variables.
impl Variables for () {
    fn get(&self, _: Variable) -> Option<f64> {
        None
    }
}

/// A number, or an expression that gives one.
///
/// ```
/// use semilla::Scalar;
/// let std: Scalar = "0.02 / sqrt(2 * 12)".parse()?;
/// assert!((std.value(&())? - 0.004082).abs() < 1e-6);
/// # Ok::<(), semilla::ExpressionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    text: Option<String>,
    node: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    Variable(Variable),
    Negative(Box<Node>),
    Binary(Operator, Box<(Node, Node)>),
    Call(Function, Box<Node>),
    Choice(Choice, Box<(Node, Node)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Sqrt,
    Log,
    Log2,
    Exp,
    Ceil,
    Floor,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice {
    Min,
    Max,
}

/// Why an expression gives no number.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExpressionError {
    /// It cannot be read.
    #[error("cannot read the expression {text:?}: {problem} at column {column}")]
    Syntax {
        /// The expression.
        text: String,
        /// The problem.
        problem: String,
        /// Where, from 1.
        column: usize,
    },
    /// A variable has no value for this tensor.
    #[error("{expression:?} needs {}, which is not known for this tensor", variable.name())]
    Unknown {
        /// The expression.
        expression: String,
        /// The variable.
        variable: Variable,
    },
    /// The result is NaN or infinite.
    #[error("{expression:?} gives {value}, not a finite number")]
    NotFinite {
        /// The expression.
        expression: String,
        /// The result.
        value: f64,
    },
}

impl Scalar {
    /// The value under the given variables.
    ///
    /// # Errors
    /// A variable that is not known, or a result that is not finite.
    pub fn value(&self, variables: &dyn Variables) -> Result<f64, ExpressionError> {
        let value = self
            .node
            .value(variables)
            .map_err(|variable| ExpressionError::Unknown {
                expression: self.to_string(),
                variable,
            })?;
        if !value.is_finite() {
            return Err(ExpressionError::NotFinite {
                expression: self.to_string(),
                value,
            });
        }
        Ok(value)
    }

    /// The expression as written, where it is more than a number.
    pub fn expression(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self {
            text: None,
            node: Node::Number(value),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.text, &self.node) {
            (Some(text), _) => f.write_str(text),
            (None, Node::Number(value)) => Short(*value).fmt(f),
            (None, _) => Ok(()),
        }
    }
}

impl Node {
    fn value(&self, variables: &dyn Variables) -> Result<f64, Variable> {
        Ok(match self {
            Node::Number(value) => *value,
            Node::Variable(variable) => variables.get(*variable).ok_or(*variable)?,
            Node::Negative(node) => -node.value(variables)?,
            Node::Binary(operator, sides) => {
                let (a, b) = (sides.0.value(variables)?, sides.1.value(variables)?);
                match operator {
                    Operator::Add => a + b,
                    Operator::Sub => a - b,
                    Operator::Mul => a * b,
                    Operator::Div => a / b,
                    Operator::Pow => a.powf(b),
                }
            }
            Node::Call(function, node) => {
                let x = node.value(variables)?;
                match function {
                    Function::Sqrt => x.sqrt(),
                    Function::Log => x.ln(),
                    Function::Log2 => x.log2(),
                    Function::Exp => x.exp(),
                    Function::Ceil => x.ceil(),
                    Function::Floor => x.floor(),
                }
            }
            Node::Choice(choice, sides) => {
                let (a, b) = (sides.0.value(variables)?, sides.1.value(variables)?);
                match choice {
                    Choice::Min => a.min(b),
                    Choice::Max => a.max(b),
                }
            }
        })
    }
}

impl FromStr for Scalar {
    type Err = ExpressionError;

    /// `+ - * /`, `^` or `**`, parentheses, `sqrt log log2 exp ceil floor min max`, `pi`, and the
    /// variables.
    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
        };
        let node = if text.len() > MAX_LENGTH {
            Err(parser.problem("it is longer than 1000 characters"))
        } else {
            parser.whole()
        }
        .map_err(|(problem, column)| ExpressionError::Syntax {
            text: text.chars().take(80).collect(),
            problem,
            column,
        })?;
        Ok(Self {
            text: Some(text.trim().to_owned()),
            node,
        })
    }
}

/// Longer texts cannot be an initializer's parameters.
const MAX_LENGTH: usize = 1000;
/// Nesting beyond this is refused before it can exhaust the call stack.
const MAX_DEPTH: usize = 32;

type Problem = (String, usize);

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn problem(&self, what: impl Into<String>) -> Problem {
        (what.into(), self.at + 1)
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_spaces();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), Problem> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.problem(format!("expected {token:?}")))
        }
    }

    fn whole(&mut self) -> Result<Node, Problem> {
        let node = self.sum()?;
        self.skip_spaces();
        if self.rest().is_empty() {
            Ok(node)
        } else {
            Err(self.problem("unexpected text"))
        }
    }

    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.problem("nested too deeply"));
        }
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn sum(&mut self) -> Result<Node, Problem> {
        self.nested(|p| {
            let mut left = p.product()?;
            loop {
                let operator = if p.take("+") {
                    Operator::Add
                } else if p.take("-") {
                    Operator::Sub
                } else {
                    return Ok(left);
                };
                left = Node::Binary(operator, Box::new((left, p.product()?)));
            }
        })
    }

    fn product(&mut self) -> Result<Node, Problem> {
        let mut left = self.signed()?;
        loop {
            self.skip_spaces();
            let operator = if !self.rest().starts_with("**") && self.take("*") {
                Operator::Mul
            } else if self.take("/") {
                Operator::Div
            } else {
                return Ok(left);
            };
            left = Node::Binary(operator, Box::new((left, self.signed()?)));
        }
    }

    fn signed(&mut self) -> Result<Node, Problem> {
        if self.take("-") {
            return self.nested(|p| Ok(Node::Negative(Box::new(p.signed()?))));
        }
        let base = self.atom()?;
        if self.take("**") || self.take("^") {
            let exponent = self.nested(Self::signed)?;
            return Ok(Node::Binary(Operator::Pow, Box::new((base, exponent))));
        }
        Ok(base)
    }

    fn atom(&mut self) -> Result<Node, Problem> {
        if self.take("(") {
            let node = self.sum()?;
            self.expect(")")?;
            return Ok(node);
        }
        self.skip_spaces();
        let rest = self.rest();
        let word_len = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
            .unwrap_or(rest.len());
        let word = rest[..word_len].to_owned();
        if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.number();
        }
        if word.is_empty() {
            return Err(self.problem("expected a number, a variable or ("));
        }
        let start = self.at;
        self.at += word_len;
        if let Some(&variable) = Variable::ALL.iter().find(|v| v.name() == word) {
            return Ok(Node::Variable(variable));
        }
        let function = match word.as_str() {
            "pi" => return Ok(Node::Number(std::f64::consts::PI)),
            "min" => return self.choice(Choice::Min),
            "max" => return self.choice(Choice::Max),
            "sqrt" => Function::Sqrt,
            "log" | "ln" => Function::Log,
            "log2" => Function::Log2,
            "exp" => Function::Exp,
            "ceil" => Function::Ceil,
            "floor" => Function::Floor,
            _ => {
                self.at = start;
                let known = Variable::ALL.map(Variable::name);
                let hint = did_you_mean(&word, known.into_iter().chain(FUNCTIONS));
                return Err(self.problem(format!(
                    "{word:?} is not known{hint}; the variables are {}, the functions {}",
                    known.join(", "),
                    FUNCTIONS.join(", ")
                )));
            }
        };
        self.expect("(")?;
        let argument = self.sum()?;
        self.expect(")")?;
        Ok(Node::Call(function, Box::new(argument)))
    }

    fn choice(&mut self, choice: Choice) -> Result<Node, Problem> {
        self.expect("(")?;
        let left = self.sum()?;
        self.expect(",")?;
        let right = self.sum()?;
        self.expect(")")?;
        Ok(Node::Choice(choice, Box::new((left, right))))
    }

    fn number(&mut self) -> Result<Node, Problem> {
        let bytes = self.rest().as_bytes();
        let mut len = 0;
        while len < bytes.len() {
            let exponent_sign = len > 0 && matches!(bytes[len - 1], b'e' | b'E');
            match bytes[len] {
                b'0'..=b'9' | b'.' | b'e' | b'E' => len += 1,
                b'+' | b'-' if exponent_sign => len += 1,
                _ => break,
            }
        }
        let value = self.rest()[..len]
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite());
        let value = value.ok_or_else(|| self.problem("not a number"))?;
        self.at += len;
        Ok(Node::Number(value))
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (&self.text, &self.node) {
            (None, Node::Number(value)) => serializer.serialize_f64(*value),
            _ => serializer.serialize_str(&self.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or an expression such as \"0.02 / sqrt(2 * layers)\"")
            }
            fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
                Ok(value.into())
            }
            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok((value as f64).into())
            }
            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok((value as f64).into())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Known;
    impl Variables for Known {
        fn get(&self, variable: Variable) -> Option<f64> {
            match variable {
                Variable::Layers => Some(8.0),
                Variable::FanIn => Some(100.0),
                _ => None,
            }
        }
    }

    fn value(text: &str) -> f64 {
        text.parse::<Scalar>().unwrap().value(&Known).unwrap()
    }

    #[test]
    fn arithmetic() {
        assert_eq!(value("1 + 2 * 3 - 4 / 2"), 5.0);
        assert_eq!(value("-2 ^ 2"), -4.0);
        assert_eq!(value("2 ** 3 ^ 2"), 512.0);
        assert_eq!(value("2 ^ -1"), 0.5);
        assert_eq!(value("(1 + 1) * sqrt(fan_in)"), 20.0);
        assert_eq!(value("min(layers, 3) + max(1, 2e0) + log2(8)"), 8.0);
        assert_eq!(value("1e-2"), 0.01);
        assert_eq!(value(".5"), 0.5);
        assert!((value("0.02/sqrt(2*layers)") - 0.005).abs() < 1e-15);
    }

    #[test]
    fn problems_are_named() {
        let message = |text: &str| text.parse::<Scalar>().unwrap_err().to_string();
        assert!(message("0.02 / sqrt(layer)").contains("\"layer\" is not known"));
        assert!(message("1 +").contains("expected a number"));
        assert!(message("(1").contains("expected \")\""));
        assert!(message("1 2").contains("unexpected text"));
        assert!(message(&"(".repeat(500)).contains("nested too deeply"));
        assert!(message(&"-".repeat(500)).contains("nested too deeply"));
        assert!(message("1e999").contains("not a number"));
        let unknown = "width"
            .parse::<Scalar>()
            .unwrap()
            .value(&Known)
            .unwrap_err();
        assert!(unknown.to_string().contains("width"));
        let infinite = "1 / 0"
            .parse::<Scalar>()
            .unwrap()
            .value(&Known)
            .unwrap_err();
        assert!(infinite.to_string().contains("inf"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_an_error(text in "[-+*/^() .,0-9a-z_é]{0,60}") {
            if let Ok(scalar) = text.parse::<Scalar>() {
                let _ = scalar.value(&Known);
                let json = serde_json::to_string(&scalar).unwrap();
                prop_assert_eq!(serde_json::from_str::<Scalar>(&json).unwrap(), scalar);
            }
        }
    }
}
