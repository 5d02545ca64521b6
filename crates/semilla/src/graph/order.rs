//! The order in which nodes can run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::scope::{ByName, by_name};
use super::structure::{Body, Graph};
use super::wiring::{Source, Wiring};

/// Why the nodes of a body cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// The graph has no such body.
    #[error("the graph has no body {0}")]
    NoBody(usize),
    /// A value that nothing makes.
    #[error("{taker} takes {value:?}, which no node, input or initializer makes")]
    Missing {
        /// The node that takes it, or the body that gives it back.
        taker: String,
        /// The name of the value.
        value: String,
    },
    /// A value that is made twice.
    #[error("the value {0:?} is made twice in one body; names must be unique")]
    Twice(String),
    /// Nodes that wait for each other.
    #[error("{0} takes what follows from its own output: its nodes form a ring")]
    Ring(String),
}

/// The nodes of a body, each after all that make what it takes; otherwise in the order of the file.
///
/// Values taken by the bodies within a node count as taken by the node.
///
/// # Errors
/// A value is missing or made twice, or nodes form a ring. Nested bodies are not put in order by
/// this call, but what they take must be there.
pub fn order(graph: &Graph, wiring: &Wiring, body: usize) -> Result<Vec<usize>, OrderError> {
    let content = graph.bodies().get(body).ok_or(OrderError::NoBody(body))?;
    check_unique(content)?;
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); content.nodes.len()];
    let mut waits_for = vec![0; content.nodes.len()];
    for inner in body..graph.bodies().len() {
        let Some(taker) = standing_for(graph, inner, body) else {
            continue;
        };
        for (reader, name) in taken(&graph.bodies()[inner]) {
            let source = wiring.source(inner, name).ok_or_else(|| {
                let taker = match reader {
                    Some(node) => described(graph, inner, node),
                    None => format!("the result of body {inner}"),
                };
                let value = name.to_owned();
                OrderError::Missing { taker, value }
            })?;
            // A nested body's own values, and those from around this one, are nobody's to wait for.
            let Source::Output { node, .. } = source else {
                continue;
            };
            if let (true, Some(taker)) = (node.body == body, taker.or(reader)) {
                after[node.index].push(taker);
                waits_for[taker] += 1;
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..content.nodes.len())
        .filter(|&node| waits_for[node] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(content.nodes.len());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for &next in &after[node] {
            waits_for[next] -= 1;
            if waits_for[next] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    match in_ring(&after, &waits_for) {
        None => Ok(order),
        Some(node) => Err(OrderError::Ring(described(graph, body, node))),
    }
}

/// A node of a ring, if some nodes still wait. Others may only wait for the ring: every step back
/// from a waiting node leads to a waiting one, and as many steps as there are nodes into a ring.
fn in_ring(after: &[Vec<usize>], waits_for: &[usize]) -> Option<usize> {
    let mut node = waits_for.iter().position(|&count| count > 0)?;
    let mut before = vec![0; after.len()];
    for (earlier, next) in after.iter().enumerate() {
        if waits_for[earlier] > 0 {
            next.iter().for_each(|&next| before[next] = earlier);
        }
    }
    for _ in 0..after.len() {
        node = before[node];
    }
    Some(node)
}

fn check_unique(body: &Body) -> Result<(), OrderError> {
    let mut made: ByName<'_, ()> = by_name(body);
    let tensors = body.initializers.iter().map(|tensor| &tensor.name);
    let inputs = body.given().map(|input| &input.name);
    let outputs = body.nodes.iter().flat_map(|node| &node.outputs);
    for name in tensors.chain(inputs).chain(outputs) {
        if !name.is_empty() && made.insert(name, ()).is_some() {
            return Err(OrderError::Twice(name.clone()));
        }
    }
    Ok(())
}

/// Whether a body belongs to the nodes of `outer`: `Some(None)` if it is that body itself,
/// `Some(Some(node))` if it lies within that node of it.
fn standing_for(graph: &Graph, body: usize, outer: usize) -> Option<Option<usize>> {
    if body == outer {
        return Some(None);
    }
    let within = graph
        .outwards(body)
        .find(|&b| graph.around(b) == Some(outer))?;
    let owner = graph.bodies()[within].owner.as_ref()?;
    let exists = owner.node.index < graph.bodies()[outer].nodes.len();
    exists.then_some(Some(owner.node.index))
}

/// The names that a body's nodes take, with the node, and those that the body gives back.
fn taken(body: &Body) -> impl Iterator<Item = (Option<usize>, &str)> {
    let nodes = body.nodes.iter().enumerate();
    let inputs = nodes.flat_map(|(index, node)| {
        let names = node.inputs.iter();
        names.map(move |name| (Some(index), &**name))
    });
    let outputs = body.outputs.iter().map(|output| (None, &*output.name));
    inputs.chain(outputs).filter(|(_, name)| !name.is_empty())
}

/// A node as an error calls it.
fn described(graph: &Graph, body: usize, node: usize) -> String {
    let node = &graph.bodies()[body].nodes[node];
    let operator = &node.operator;
    match (&*node.name, node.outputs.first()) {
        ("", Some(output)) => format!("the {operator} that makes {output:?}"),
        ("", None) => format!("a {operator}"),
        (name, _) => format!("{operator} {name:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Node;
    use super::super::structure::{NodeId, Owner};
    use super::super::value::Value;
    use super::*;

    /// A main body with the input `x` and these nodes.
    fn graph(nodes: Vec<Node>) -> Graph {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        main.inputs.push(value("x"));
        main.nodes = nodes;
        graph
    }

    fn value(name: &str) -> Value {
        Value {
            name: name.to_owned(),
            ..Value::default()
        }
    }

    fn ordered(graph: &Graph) -> Result<Vec<usize>, OrderError> {
        order(graph, &Wiring::of(graph), 0)
    }

    #[test]
    fn nodes_come_after_what_they_take() {
        let node = Node::new;
        let sorted = graph(vec![
            node("Relu", &["x"], &["a"]),
            node("Relu", &["x"], &["b"]),
            node("Add", &["a", "b", ""], &["c"]),
        ]);
        assert_eq!(ordered(&sorted).unwrap(), [0, 1, 2]);
        let unsorted = graph(vec![
            node("Add", &["a", "a"], &["b"]),
            node("Relu", &["x"], &["a"]),
            node("Relu", &["x"], &["c"]),
        ]);
        assert_eq!(ordered(&unsorted).unwrap(), [1, 0, 2]);
        assert_eq!(ordered(&graph(Vec::new())).unwrap(), [0; 0]);
    }

    #[test]
    fn a_node_takes_what_its_bodies_take() {
        let mut graph = graph(vec![
            Node::new("If", &["x"], &["y"]),
            Node::new("Relu", &["x"], &["late"]),
        ]);
        let owner = |body, index| Owner {
            node: NodeId { body, index },
            attribute: "then_branch".to_owned(),
        };
        let outer = graph.add(Body {
            owner: Some(owner(0, 0)),
            nodes: vec![Node::new("If", &["x"], &["z"])],
            ..Body::default()
        });
        let inner = graph.add(Body {
            owner: Some(owner(outer, 0)),
            nodes: vec![Node::new("Neg", &["late"], &["deep"])],
            outputs: vec![value("deep")],
            ..Body::default()
        });
        assert_eq!(ordered(&graph).unwrap(), [1, 0]);
        assert_eq!(order(&graph, &Wiring::of(&graph), outer).unwrap(), [0]);
        graph.bodies_mut()[inner].outputs.push(value("nowhere"));
        let message = ordered(&graph).unwrap_err().to_string();
        assert!(message.starts_with("the result of body 2"), "{message}");
    }

    #[test]
    fn rings_and_missing_values() {
        let node = Node::new;
        let ring = graph(vec![
            node("Neg", &["b"], &["after"]),
            node("Add", &["x", "b"], &["a"]),
            node("Relu", &["a"], &["b"]),
        ]);
        let message = ordered(&ring).unwrap_err().to_string();
        assert!(message.contains("the Relu that makes") || message.contains("the Add that makes"));
        let own = graph(vec![node("Relu", &["a"], &["a"])]);
        assert!(matches!(ordered(&own), Err(OrderError::Ring(_))));
        let missing = graph(vec![Node {
            name: "/relu".to_owned(),
            ..node("Relu", &["nowhere"], &["a"])
        }]);
        let message = ordered(&missing).unwrap_err().to_string();
        let expected =
            "Relu \"/relu\" takes \"nowhere\", which no node, input or initializer makes";
        assert_eq!(message, expected);
        let twice = graph(vec![node("Relu", &["x"], &["x"])]);
        assert_eq!(ordered(&twice), Err(OrderError::Twice("x".to_owned())));
        let graph = Graph::new();
        assert_eq!(
            order(&graph, &Wiring::of(&graph), 1),
            Err(OrderError::NoBody(1))
        );
    }
}
