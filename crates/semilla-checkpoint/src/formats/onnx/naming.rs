//! Names for tensors: their own, or those that the nodes which take them suggest.

use std::collections::{HashMap, HashSet};

use semilla::Graph;
use semilla::graph::{Node, Taker, Takers, operand};

use super::made_up::without_output;
use super::model::Model;
use super::named::Named;
use super::weights::Weights;
use crate::io::window::Fault;
use crate::tensor::MAX_NAME_BYTES;
use crate::{Limits, Quoted};

/// Checks that no two tensors of one body have the same name.
pub(super) fn check_unique(model: &Model) -> Result<(), Fault> {
    for (body, tensors) in model.graph.bodies().iter().zip(&model.stored) {
        let mut seen = HashSet::new();
        let stored = body.initializers.iter().zip(tensors);
        for (initializer, _) in stored.filter(|(_, tensor)| tensor.is_some()) {
            if !seen.insert(&initializer.name) {
                let name = Quoted::new(&initializer.name);
                return Err(Fault::new(format!(
                    "the tensor {name} occurs twice in one graph"
                )));
            }
        }
    }
    Ok(())
}

/// The parameter that a node takes in a place.
fn parameter(node: &Node, input: usize) -> String {
    match operand(node, input) {
        Some(operand) => operand.parameter().to_owned(),
        None => format!("input{input}"),
    }
}

/// Where a node is in the model, as dotted names: its own name's path without the operator at the
/// end.
fn scope(node: &Node) -> String {
    let text = match node.name.as_str() {
        "" => without_output(node.outputs.first().map_or("", String::as_str)),
        name => name,
    };
    let mut parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && !is_wrapper(part))
        .collect();
    if parts.len() > 1 {
        parts.pop();
    }
    match parts[..] {
        [] => node.operator.clone(),
        [part] if part.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{}_{part}", node.operator)
        }
        _ => parts.join("."),
    }
}

/// Whether this is a part that JAX puts around every name.
fn is_wrapper(part: &str) -> bool {
    part.starts_with("jax2tf_") || part.starts_with("pjit_") || part.starts_with("jit(")
}

/// Gives every weight a name of its own:
///
/// 1. its own name (a constant's: the tensor's, else the node's output), unless the exporter made
///    it up; that of the parameter of which the exporter says that it is a view;
/// 2. else the scope of the first node that takes it, and what it is there:
///    `encoder.0.query.weight`;
/// 3. else its made-up name.
///
/// A name that occurs more than once is preceded by the path of the body, where the tensor is in a
/// nested one; what still occurs again gets `_2`, `_3`. Names of the first kind go before the
/// others.
pub(super) fn names(
    model: &Model,
    takers: &Takers,
    weights: &Weights,
    limits: &Limits,
) -> Result<Vec<Name>, Fault> {
    // One long name may be part of many: their sum is bounded as they are made.
    let mut room = limits.header_bytes;
    let mut charge = |name: String| match room.checked_sub(name.len() as u64) {
        Some(rest) if name.len() <= MAX_NAME_BYTES => {
            room = rest;
            Ok(name)
        }
        _ => Err(Fault::new("its tensors' names are too long")),
    };
    let graph = &model.graph;
    let named = Named::of(model);
    let mut own = Vec::with_capacity(weights.list.len());
    let mut wanted = Vec::with_capacity(weights.list.len());
    for &(body, index) in &weights.list {
        let name = named.own(body, index);
        own.push(name.is_some());
        let taker = takers.all(body, index).first();
        let suggested = || taker.and_then(|taker| name_from_node(graph, taker));
        let made_up = || graph.bodies()[body].initializers[index].name.clone();
        let name = name.map(str::to_owned).or_else(suggested);
        wanted.push(charge(name.unwrap_or_else(made_up))?);
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    for name in &wanted {
        *times.entry(name).or_default() += 1;
    }
    let mut names = vec![String::new(); wanted.len()];
    let mut unique = Unique::default();
    for first_kind in [true, false] {
        for (position, name) in wanted.iter().enumerate() {
            if own[position] != first_kind {
                continue;
            }
            let body = weights.list[position].0;
            let nested = graph.around(body).is_some();
            names[position] = unique.take(match nested && times[name.as_str()] > 1 {
                true => charge(format!("{}.{name}", path(graph, body)))?,
                false => name.clone(),
            });
        }
    }
    let names = names.into_iter().zip(own);
    let names = names.map(|(text, is_own)| Name { text, is_own });
    Ok(names.collect())
}

/// The name of a weight.
pub(super) struct Name {
    pub(super) text: String,
    /// Whether the model has it, and no exporter made it up.
    pub(super) is_own: bool,
}

/// The scope of a node and what it takes the tensor for.
fn name_from_node(graph: &Graph, taker: &Taker) -> Option<String> {
    let node = graph.node(taker.node)?;
    Some(format!("{}.{}", scope(node), parameter(node, taker.input)))
}

/// The labels of a body and of those around it, the outermost first, dotted.
fn path(graph: &Graph, body: usize) -> String {
    let mut labels: Vec<String> = graph
        .outwards(body)
        .map(|body| label(graph, body))
        .map(|label| label.trim_matches('/').replace('/', "."))
        .filter(|label| !label.is_empty())
        .collect();
    labels.reverse();
    labels.join(".")
}

/// The node that has a body, and under which attribute; or the function's name.
fn label(graph: &Graph, body: usize) -> String {
    let content = &graph.bodies()[body];
    let Some(owner) = &content.owner else {
        // Paths leave out the main body's name.
        return if body == 0 {
            String::new()
        } else {
            content.name.clone()
        };
    };
    let node = graph.node(owner.node);
    let name = node.map_or("", |node| match &*node.name {
        "" => &node.operator,
        name => name,
    });
    format!("{name}.{}", owner.attribute)
}

/// Names given so far, and the next number of each.
#[derive(Default)]
struct Unique {
    taken: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Unique {
    fn take(&mut self, name: String) -> String {
        if self.taken.insert(name.clone()) {
            return name;
        }
        let next = self.next.entry(name.clone()).or_insert(2);
        loop {
            let numbered = format!("{name}_{next}");
            *next += 1;
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_nodes() {
        let scope_of = |name: &str, output: &str| {
            scope(&Node {
                name: name.to_owned(),
                ..Node::new("MatMul", &[], &[output])
            })
        };
        assert_eq!(
            scope_of("/encoder/layer.0/query/MatMul", ""),
            "encoder.layer.0.query"
        );
        assert_eq!(
            scope_of("", "/encoder/query/MatMul_output_0"),
            "encoder.query"
        );
        assert_eq!(
            scope_of("jax2tf_f_/pjit_f_/Net/Dense_1/MatMul", ""),
            "Net.Dense_1"
        );
        assert_eq!(scope_of("MatMul_12", ""), "MatMul_12");
        assert_eq!(scope_of("", "173"), "MatMul_173");
        assert_eq!(scope_of("", ""), "MatMul");
    }

    #[test]
    fn numbers_go_round_names_that_are_taken() {
        let mut unique = Unique::default();
        let names = ["a_2", "a", "a", "a"].map(|name| unique.take(name.to_owned()));
        assert_eq!(names, ["a_2", "a", "a_3", "a_4"]);
    }
}
