//! Who makes a value and who takes it.

use super::scope::{ByName, Names, by_name};
use super::structure::{Graph, NodeId};

/// An index of a graph's values, by the names under which nodes take them.
///
/// A name means the innermost value that has it. If a faulty graph defines a name twice in one
/// body, the initializer counts, then the input, then the first output.
pub struct Wiring<'g> {
    sources: Names<'g, Source>,
    /// By the body that defines the value.
    uses: Vec<ByName<'g, Users>>,
}

/// Who takes a value. Most are taken once, which needs no list.
enum Users {
    One(Use),
    Many(Vec<Use>),
}

impl Users {
    fn push(&mut self, user: Use) {
        match self {
            Users::One(first) => *self = Users::Many(vec![*first, user]),
            Users::Many(all) => all.push(user),
        }
    }

    fn as_slice(&self) -> &[Use] {
        match self {
            Users::One(user) => std::slice::from_ref(user),
            Users::Many(all) => all,
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is given: an input of a body.
    Input {
        /// The body.
        body: usize,
        /// The position among its inputs.
        index: usize,
    },
    /// It is carried: an initializer of a body.
    Initializer {
        /// The body.
        body: usize,
        /// The position among its initializers.
        index: usize,
    },
    /// A node makes it.
    Output {
        /// The node.
        node: NodeId,
        /// The position among its outputs.
        index: usize,
    },
}

/// A node that takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The node.
    pub node: NodeId,
    /// The position among its inputs.
    pub input: usize,
}

impl<'g> Wiring<'g> {
    /// Looks at every node once.
    pub fn of(graph: &'g Graph) -> Self {
        let sources = sources(graph);
        let mut uses: Vec<ByName<'_, Users>> = graph.bodies().iter().map(by_name).collect();
        for (body_index, body) in graph.bodies().iter().enumerate() {
            for (index, node) in body.nodes.iter().enumerate() {
                for (input, name) in node.inputs.iter().enumerate() {
                    if let Some((defining, _)) = sources.find(body_index, name) {
                        let node = NodeId {
                            body: body_index,
                            index,
                        };
                        let user = Use { node, input };
                        (uses[defining].entry(name))
                            .and_modify(|users| users.push(user))
                            .or_insert(Users::One(user));
                    }
                }
            }
        }
        Self { sources, uses }
    }

    /// Where a value comes from that a node of `body` takes; `None` if nothing makes it.
    pub fn source(&self, body: usize, name: &str) -> Option<Source> {
        self.sources.find(body, name).map(|(_, &source)| source)
    }

    /// The node that makes a value which a node of `body` takes.
    pub fn producer(&self, body: usize, name: &str) -> Option<NodeId> {
        match self.source(body, name)? {
            Source::Output { node, .. } => Some(node),
            _ => None,
        }
    }

    /// The nodes that take a value which nodes of `body` see, those of nested bodies too.
    pub fn uses(&self, body: usize, name: &str) -> &[Use] {
        let found = self.sources.find(body, name);
        let users = found.and_then(|(body, _)| self.uses[body].get(name));
        users.map_or(&[], Users::as_slice)
    }
}

/// The source that every name stands for.
fn sources(graph: &Graph) -> Names<'_, Source> {
    let mut names = Names::new(graph);
    for (body, content) in graph.bodies().iter().enumerate() {
        for (index, tensor) in content.initializers.iter().enumerate() {
            names.define(body, &tensor.name, Source::Initializer { body, index });
        }
        for (index, input) in content.inputs.iter().enumerate() {
            names.define(body, &input.name, Source::Input { body, index });
        }
        for (place, node) in content.nodes.iter().enumerate() {
            let node_id = NodeId { body, index: place };
            for (index, output) in node.outputs.iter().enumerate() {
                let source = Source::Output {
                    node: node_id,
                    index,
                };
                names.define(body, output, source);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::node::Node;
    use super::super::structure::{Body, Owner};
    use super::super::value::{Initializer, Value};
    use super::*;
    use crate::DType;

    fn at(body: usize, index: usize) -> NodeId {
        NodeId { body, index }
    }

    #[test]
    fn makers_and_takers_across_bodies() {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        let x = Value {
            name: "x".to_owned(),
            ..Value::default()
        };
        main.inputs.push(x);
        main.initializers
            .push(Initializer::new("w", DType::F32, [2]));
        main.nodes = vec![
            Node::new("Split", &["x"], &["", "a"]),
            Node::new("If", &["x"], &["y"]),
        ];
        graph.add(Body {
            owner: Some(Owner {
                node: at(0, 1),
                attribute: "else_branch".to_owned(),
            }),
            nodes: vec![
                Node::new("Mul", &["a", "w"], &["b"]),
                Node::new("Add", &["b", "w"], &["a"]),
                Node::new("Neg", &["a", ""], &["c"]),
            ],
            ..Body::default()
        });
        let wiring = Wiring::of(&graph);
        let carried = Source::Initializer { body: 0, index: 0 };
        assert_eq!(wiring.source(1, "w"), Some(carried));
        assert_eq!(
            wiring.source(0, "x"),
            Some(Source::Input { body: 0, index: 0 })
        );
        let second = Source::Output {
            node: at(0, 0),
            index: 1,
        };
        assert_eq!(wiring.source(0, "a"), Some(second));
        assert_eq!(wiring.producer(0, "a"), Some(at(0, 0)));
        // The branch has an `a` of its own.
        assert_eq!(wiring.producer(1, "a"), Some(at(1, 1)));
        assert_eq!(wiring.producer(1, "x"), None);
        let users = |body, name: &str| -> Vec<(NodeId, usize)> {
            let uses = wiring.uses(body, name).iter();
            uses.map(|used| (used.node, used.input)).collect()
        };
        assert_eq!(users(0, "w"), [(at(1, 0), 1), (at(1, 1), 1)]);
        assert_eq!(users(1, "w"), users(0, "w"));
        assert_eq!(users(0, "x"), [(at(0, 0), 0), (at(0, 1), 0)]);
        assert_eq!(users(0, "a"), []);
        assert_eq!(users(0, ""), []);
        assert_eq!(wiring.source(0, ""), None);
        assert_eq!(wiring.source(0, "c"), None);
        assert_eq!(wiring.source(7, "x"), None);
    }
}
