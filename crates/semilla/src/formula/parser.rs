//! From tokens to expressions, as Python reads them.

use super::expression::{Expression, Function, Operator};
use super::lexer::Token;
use super::mistake::Mistake;
use super::value::Value;

/// The tokens of a line, one after the other.
pub(crate) struct Parser<'a> {
    tokens: &'a [Token],
}

/// The binary operators, the loosest first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("or", Operator::Or)],
    &[("and", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("in", Operator::In),
    ],
    &[("+", Operator::Add), ("-", Operator::Sub)],
    &[
        ("*", Operator::Mul),
        ("/", Operator::Div),
        ("//", Operator::FloorDiv),
        ("%", Operator::Remainder),
    ],
];

impl<'a> Parser<'a> {
    pub(crate) fn new(tokens: &'a [Token]) -> Self {
        Self { tokens }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<&'a Token> {
        self.tokens.first()
    }

    pub(crate) fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// Takes a sign or a word, if it is next.
    pub(crate) fn take(&mut self, what: &str) -> bool {
        let found = match self.peek() {
            Some(Token::Sign(sign)) => *sign == what,
            Some(Token::Name(name)) => name == what,
            _ => false,
        };
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    pub(crate) fn expect(&mut self, what: &str) -> Result<(), Mistake> {
        match self.take(what) {
            true => Ok(()),
            false => Err(expected(&format!("{what:?}"), self.peek())),
        }
    }

    pub(crate) fn name(&mut self) -> Result<&'a str, Mistake> {
        match self.next() {
            Some(Token::Name(name)) => Ok(name),
            other => Err(expected("a name", other)),
        }
    }

    /// The name of an argument, `bias` of `bias=...`, if one is next.
    pub(crate) fn named_argument(&mut self) -> Option<&'a str> {
        let [Token::Name(name), Token::Sign("="), rest @ ..] = self.tokens else {
            return None;
        };
        self.tokens = rest;
        Some(name)
    }

    /// A whole line.
    pub(crate) fn only_expression(mut self) -> Result<Expression, Mistake> {
        let expression = self.expression()?;
        match self.next() {
            None => Ok(expression),
            found => Err(expected("the end", found)),
        }
    }

    pub(crate) fn expression(&mut self) -> Result<Expression, Mistake> {
        let value = self.binary(0)?;
        // A condition without `else` belongs to the line, not to the expression.
        let Some((condition, rest)) = self.choice() else {
            return Ok(value);
        };
        self.tokens = rest;
        let otherwise = self.expression()?;
        Ok(Expression::If(Box::new((value, condition, otherwise))))
    }

    fn choice(&self) -> Option<(Expression, &'a [Token])> {
        let mut ahead = Parser::new(self.tokens);
        if !ahead.take("if") {
            return None;
        }
        let condition = ahead.binary(0).ok()?;
        ahead.take("else").then_some((condition, ahead.tokens))
    }

    fn binary(&mut self, level: usize) -> Result<Expression, Mistake> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        if level == 2 && self.take("not") {
            return Ok(Expression::Not(Box::new(self.binary(2)?)));
        }
        let mut left = self.binary(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take(sign)) {
            let right = self.binary(level + 1)?;
            left = Expression::Binary(*operator, Box::new((left, right)));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, Mistake> {
        if self.take("-") {
            return Ok(Expression::Negative(Box::new(self.unary()?)));
        }
        let mut base = self.atom()?;
        while self.take("[") {
            let index = self.expression()?;
            self.expect("]")?;
            base = Expression::At(Box::new((base, index)));
        }
        if self.take("**") {
            let exponent = self.unary()?;
            return Ok(Expression::Binary(
                Operator::Power,
                Box::new((base, exponent)),
            ));
        }
        Ok(base)
    }

    fn atom(&mut self) -> Result<Expression, Mistake> {
        if self.take("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("[") {
            return Ok(Expression::List(self.list("]")?));
        }
        match self.next() {
            Some(Token::Number(number)) => Ok(Expression::Value(Value::Number(*number))),
            Some(Token::Text(text)) => Ok(Expression::Value(Value::text(text))),
            Some(Token::Name(name)) => match (name.as_str(), Function::named(name)) {
                ("null", _) => Ok(Expression::Value(Value::Null)),
                ("true", _) => Ok(Expression::Value(Value::Bool(true))),
                ("false", _) => Ok(Expression::Value(Value::Bool(false))),
                (_, Some(function)) if self.take("(") => {
                    Ok(Expression::Call(function, self.list(")")?))
                }
                _ => Ok(Expression::Name(name.clone())),
            },
            other => Err(expected("a value", other)),
        }
    }

    /// Expressions up to the closing bracket.
    fn list(&mut self, end: &str) -> Result<Vec<Expression>, Mistake> {
        let mut list = Vec::new();
        self.each_up_to(end, |parser| {
            list.push(parser.expression()?);
            Ok(())
        })?;
        Ok(list)
    }

    /// Reads what stands between commas, up to the closing bracket.
    pub(crate) fn each_up_to(
        &mut self,
        end: &str,
        mut one: impl FnMut(&mut Self) -> Result<(), Mistake>,
    ) -> Result<(), Mistake> {
        let mut is_first = true;
        while !self.take(end) {
            if !is_first {
                self.expect(",")?;
            }
            is_first = false;
            one(self)?;
        }
        Ok(())
    }
}

fn expected(what: &str, found: Option<&Token>) -> Mistake {
    let found = found.map_or("the end".to_owned(), |token| format!("\"{token}\""));
    Mistake::new(format!("expected {what}, found {found}"))
}
