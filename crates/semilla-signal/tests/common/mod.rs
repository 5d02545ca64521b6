//! What several tests need.

use semilla::graph::{Graph, Node, Value};

/// A graph of nodes that take inputs by their names.
pub(crate) fn graph(inputs: &[impl AsRef<str>], nodes: Vec<Node>) -> Graph {
    let mut graph = Graph::new();
    let main = &mut graph.bodies_mut()[0];
    let named = |name: &str| Value {
        name: name.to_owned(),
        ..Value::default()
    };
    main.inputs = inputs.iter().map(|name| named(name.as_ref())).collect();
    main.nodes = nodes;
    graph
}
