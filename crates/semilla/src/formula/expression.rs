//! Expressions over named values: `num_key_value_heads * head_dim`.

use std::fmt;

use super::value::Value;

/// Longer texts than any name.
const LONGEST: usize = 10_000;

/// An expression, in Python's notation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Value(Value),
    /// A field, a `let` or a loop's variable, and the entries of tables within it.
    Name(String),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<(Expression, Expression)>),
    /// `then if condition else otherwise`.
    If(Box<(Expression, Expression, Expression)>),
    List(Vec<Expression>),
    At(Box<(Expression, Expression)>),
    Call(Function, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    In,
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Remainder,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Function {
    Len,
    Sum,
    Min,
    Max,
    Ceil,
    Floor,
    Sqrt,
}

impl Function {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "len" => Function::Len,
            "sum" => Function::Sum,
            "min" => Function::Min,
            "max" => Function::Max,
            "ceil" => Function::Ceil,
            "floor" => Function::Floor,
            "sqrt" => Function::Sqrt,
            _ => return None,
        })
    }
}

/// Whatever names stand for.
pub(crate) trait Names {
    /// The value of a name, or why it has none.
    fn value(&self, name: &str) -> Result<Value, Problem>;
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The configuration has no such field, and the library no default for it.
    Missing(String),
    /// In words.
    Other(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Missing(name) => write!(f, "{name:?} is missing"),
            Problem::Other(words) => f.write_str(words),
        }
    }
}

impl Problem {
    pub(crate) fn other(words: impl Into<String>) -> Self {
        Problem::Other(words.into())
    }
}

impl Expression {
    pub(crate) fn value(&self, names: &dyn Names) -> Result<Value, Problem> {
        Ok(match self {
            Expression::Value(value) => value.clone(),
            Expression::Name(name) => names.value(name)?,
            Expression::Not(of) => Value::Bool(!of.value(names)?.is_true()),
            Expression::Negative(of) => Value::Number(-of.number(names)?),
            Expression::If(parts) => match parts.1.value(names)?.is_true() {
                true => parts.0.value(names)?,
                false => parts.2.value(names)?,
            },
            Expression::List(entries) => {
                let entries: Result<Vec<Value>, Problem> =
                    entries.iter().map(|entry| entry.value(names)).collect();
                Value::List(entries?.into())
            }
            Expression::At(parts) => at(&parts.0.value(names)?, &parts.1.value(names)?)?,
            Expression::Binary(operator, sides) => {
                let left = sides.0.value(names)?;
                match operator {
                    Operator::Or if left.is_true() => left,
                    Operator::And if !left.is_true() => left,
                    Operator::Or | Operator::And => sides.1.value(names)?,
                    _ => binary(*operator, &left, &sides.1.value(names)?)
                        .map_err(|problem| self.named(problem))?,
                }
            }
            Expression::Call(function, arguments) => {
                let values: Result<Vec<Value>, Problem> =
                    arguments.iter().map(|of| of.value(names)).collect();
                call(*function, &values?)?
            }
        })
    }

    /// The number that it is; a problem names the fields that it came from.
    pub(crate) fn number(&self, names: &dyn Names) -> Result<f64, Problem> {
        number(&self.value(names)?).map_err(|problem| self.named(problem))
    }

    /// A problem with a value, preceded by the fields that it came from.
    pub(crate) fn named(&self, problem: Problem) -> Problem {
        let mut fields = Vec::new();
        self.collect(&mut fields);
        match problem {
            Problem::Other(words) if !fields.is_empty() => {
                Problem::Other(format!("{}: {words}", fields.join(", ")))
            }
            other => other,
        }
    }

    fn collect<'a>(&'a self, fields: &mut Vec<&'a str>) {
        match self {
            Expression::Name(name) => fields.push(name),
            Expression::Not(of) | Expression::Negative(of) => of.collect(fields),
            Expression::Binary(_, sides) => {
                sides.0.collect(fields);
                sides.1.collect(fields);
            }
            _ => {}
        }
    }
}

/// The number that a value is.
pub(crate) fn number(value: &Value) -> Result<f64, Problem> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Bool(value) => Ok(f64::from(u8::from(*value))),
        other => Err(Problem::other(format!("{other} is not a number"))),
    }
}

fn at(list: &Value, index: &Value) -> Result<Value, Problem> {
    let Value::List(entries) = list else {
        return Err(Problem::other(format!("{list} is not a list")));
    };
    let index = number(index)?;
    let place = if index < 0.0 {
        index + entries.len() as f64
    } else {
        index
    };
    let found = (place >= 0.0 && place.fract() == 0.0).then(|| entries.get(place as usize));
    found
        .flatten()
        .cloned()
        .ok_or_else(|| Problem::other(format!("a list of {} has no entry {index}", entries.len())))
}

fn binary(operator: Operator, left: &Value, right: &Value) -> Result<Value, Problem> {
    let numbers = || Ok((number(left)?, number(right)?));
    let arithmetic = |of: fn(f64, f64) -> f64| {
        let (a, b) = numbers()?;
        let value = of(a, b);
        match value.is_finite() {
            true => Ok(Value::Number(value)),
            false => Err(Problem::other(format!("{a} and {b} give {value}"))),
        }
    };
    let compared = |of: fn(&f64, &f64) -> bool| {
        let (a, b) = numbers()?;
        Ok(Value::Bool(of(&a, &b)))
    };
    match operator {
        Operator::Equal => Ok(Value::Bool(left == right)),
        Operator::NotEqual => Ok(Value::Bool(left != right)),
        Operator::In => Ok(Value::Bool(match (left, right) {
            (Value::Text(part), Value::Text(whole)) => whole.contains(&**part),
            (_, Value::List(list)) => list.contains(left),
            _ => false,
        })),
        Operator::Less => compared(f64::lt),
        Operator::Greater => compared(f64::gt),
        Operator::LessOrEqual => compared(f64::le),
        Operator::GreaterOrEqual => compared(f64::ge),
        // The number behind a text, as in a layout's `OIW/16`.
        Operator::Add if let (Value::Text(text), Value::Number(number)) = (left, right) => {
            joined(format!("{text}{number}"))
        }
        Operator::Add if let (Value::Text(text), Value::Text(more)) = (left, right) => {
            joined(format!("{text}{more}"))
        }
        Operator::Add => arithmetic(|a, b| a + b),
        Operator::Sub => arithmetic(|a, b| a - b),
        Operator::Mul => arithmetic(|a, b| a * b),
        Operator::Div => arithmetic(|a, b| a / b),
        Operator::FloorDiv => arithmetic(|a, b| (a / b).floor()),
        Operator::Remainder => arithmetic(f64::rem_euclid),
        Operator::Power => arithmetic(f64::powf),
        // Decided by the left side first.
        Operator::Or | Operator::And => Ok(right.clone()),
    }
}

/// A text that was put together: doubled again and again, it would fill any memory.
fn joined(text: String) -> Result<Value, Problem> {
    match text.len() <= LONGEST {
        true => Ok(Value::Text(text.into())),
        false => Err(Problem::other(format!(
            "a text of {} letters; at most {LONGEST} can be put together",
            text.len()
        ))),
    }
}

fn call(function: Function, arguments: &[Value]) -> Result<Value, Problem> {
    let given = match arguments {
        [list @ Value::List(_)] => list.each(),
        all => all,
    };
    let numbers = || {
        given
            .iter()
            .map(number)
            .collect::<Result<Vec<f64>, Problem>>()
    };
    let one = |of: fn(f64) -> f64| match numbers()?[..] {
        [x] if of(x).is_finite() => Ok(of(x)),
        _ => Err(Problem::other("it needs one number that it is defined for")),
    };
    let extreme = |of: fn(f64, f64) -> f64| {
        let all = numbers()?.into_iter().reduce(of);
        all.ok_or_else(|| Problem::other("the list is empty"))
    };
    Ok(Value::Number(match function {
        Function::Len => match arguments {
            [Value::List(list)] => list.len() as f64,
            [Value::Table(table)] => table.len() as f64,
            _ => return Err(Problem::other("only lists and tables have a length")),
        },
        Function::Sum => numbers()?.into_iter().sum(),
        Function::Min => extreme(f64::min)?,
        Function::Max => extreme(f64::max)?,
        Function::Ceil => one(f64::ceil)?,
        Function::Floor => one(f64::floor)?,
        Function::Sqrt => one(f64::sqrt)?,
    }))
}
