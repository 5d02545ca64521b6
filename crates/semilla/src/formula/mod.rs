//! Formulas in Python's notation, over values as JSON has them: the sizes of families and of
//! networks.

mod expression;
mod lexer;
mod mistake;
mod parser;
mod value;

pub(crate) use expression::{Expression, Names, Problem, number};
pub(crate) use lexer::{Token, tokens};
pub(crate) use mistake::Mistake;
pub(crate) use parser::Parser;
pub use value::Value;
