//! Sequences of values, and of sizes.

use super::storage::count;
use crate::formats::torch::pickle::{Id, Node, Values};
use crate::tensor::MAX_DIMS;

/// The items of a tuple, a list or a set, and of those that calls make.
pub(super) fn sequence(values: &Values, id: Id) -> Option<&[Id]> {
    match values.get(id) {
        Node::Tuple(items) => Some(items),
        Node::List(items) => Some(items),
        Node::Call(call) => match (values.global(call.function)?, values.tuple(call.arguments)?) {
            (("torch", "Size"), [items])
            | (("builtins" | "__builtin__", "set" | "frozenset" | "list" | "tuple"), [items]) => {
                match values.get(*items) {
                    Node::Tuple(items) => Some(items),
                    Node::List(items) => Some(items),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}

/// The sizes of a tensor or of a part of it, of a length that a tensor can have.
pub(super) fn sizes(values: &Values, id: Id) -> Option<Vec<u64>> {
    let items = sequence(values, id).filter(|items| items.len() <= MAX_DIMS)?;
    items.iter().map(|&item| count(values, item)).collect()
}
