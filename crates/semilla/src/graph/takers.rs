//! Which nodes take a tensor in the end.

use super::axes::{View, layout};
use super::scope::Names;
use super::structure::{Graph, NodeId};
use crate::{Axis, Layout};

/// For each initializer the nodes that compute with it. Nodes that only pass values on (`Identity`,
/// `Cast`, `Transpose`, `Reshape`...) are passed through.
pub struct Takers {
    /// By body and initializer.
    found: Vec<Vec<Vec<Taker>>>,
}

/// A node that computes with a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taker {
    /// The node.
    pub node: NodeId,
    /// The position among its inputs.
    pub input: usize,
    /// The tensor's axes as they arrive at the node.
    pub view: View,
}

/// A tensor on its way.
#[derive(Clone, Copy)]
struct Passed {
    body: usize,
    initializer: usize,
    view: View,
}

impl Takers {
    /// Looks at every node once: each must come after those that make what it takes, as ONNX asks
    /// for, and nested bodies after those around them. A tensor is lost on ways that do not.
    pub fn of(graph: &Graph) -> Self {
        let bodies = graph.bodies();
        let mut found: Vec<Vec<Vec<Taker>>> = bodies
            .iter()
            .map(|body| vec![Vec::new(); body.initializers.len()])
            .collect();
        let mut names: Names<Passed> = Names::new(graph);
        for (body_index, body) in bodies.iter().enumerate() {
            for (initializer, tensor) in body.initializers.iter().enumerate() {
                let stored = Passed {
                    body: body_index,
                    initializer,
                    view: View::Stored,
                };
                names.define(body_index, &tensor.name, stored);
            }
            for (index, node) in body.nodes.iter().enumerate() {
                let id = NodeId {
                    body: body_index,
                    index,
                };
                for (input, name) in node.inputs.iter().enumerate() {
                    let Some((_, &passed)) = names.find(body_index, name) else {
                        continue;
                    };
                    let through = passed.view.through(node).filter(|_| input == 0);
                    match (through, node.outputs.first()) {
                        (Some(view), Some(output)) => {
                            names.define(body_index, output, Passed { view, ..passed });
                        }
                        (Some(_), None) => {}
                        (None, _) => found[passed.body][passed.initializer].push(Taker {
                            node: id,
                            input,
                            view: passed.view,
                        }),
                    }
                }
            }
        }
        Self { found }
    }

    /// The nodes that take an initializer of a body, in the order of the file.
    pub fn all(&self, body: usize, initializer: usize) -> &[Taker] {
        let found = self.found.get(body).and_then(|body| body.get(initializer));
        found.map_or(&[], Vec::as_slice)
    }

    /// The layout of an initializer, as far as its takers agree.
    ///
    /// A table that is looked up in one place and multiplied in another is an embedding that is
    /// tied to the output. `None` if no taker says anything, or others contradict each other.
    pub fn layout(&self, graph: &Graph, body: usize, initializer: usize) -> Option<Layout> {
        let shape = &graph
            .bodies()
            .get(body)?
            .initializers
            .get(initializer)?
            .shape;
        let mut agreed: Option<Layout> = None;
        let mut is_disputed = false;
        for taker in self.all(body, initializer) {
            let node = graph.node(taker.node)?;
            let Some(layout) = layout(node, taker.input, taker.view, shape) else {
                continue;
            };
            if layout.axis(Axis::Vocabulary).is_some() {
                return Some(layout);
            }
            is_disputed |= agreed.as_ref().is_some_and(|agreed| *agreed != layout);
            agreed = Some(layout);
        }
        agreed.filter(|_| !is_disputed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Node;
    use super::super::structure::{Body, Owner};
    use super::super::value::Initializer;
    use super::*;
    use crate::DType;

    /// The layout of a matrix `w` of 4x4 that these nodes take.
    fn agreed(nodes: Vec<Node>) -> Option<String> {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        main.initializers
            .push(Initializer::new("w", DType::F32, [4, 4]));
        main.nodes = nodes;
        let layout = Takers::of(&graph).layout(&graph, 0, 0);
        layout.map(|layout| layout.to_string())
    }

    #[test]
    fn takers_agree_or_nothing_is_said() {
        let left = || Node::new("MatMul", &["w", "x"], &["l"]);
        let right = || Node::new("MatMul", &["x", "w"], &["r"]);
        let rows = || Node::new("Gather", &["w", "i"], &["g"]);
        assert_eq!(agreed(vec![right(), right()]).unwrap(), "IO");
        assert_eq!(agreed(vec![right(), left()]), None);
        assert_eq!(agreed(vec![right(), left(), right()]), None);
        assert_eq!(agreed(vec![right(), left(), rows()]).unwrap(), "VO");
        assert_eq!(agreed(vec![rows(), right()]).unwrap(), "VO");
        assert_eq!(agreed(vec![]), None);
    }

    #[test]
    fn through_casts_and_into_nested_bodies() {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        main.initializers
            .push(Initializer::new("w", DType::F16, [3, 4]));
        main.nodes = vec![
            Node::new("Cast", &["w"], &["c"]),
            Node::new("Transpose", &["c"], &["t"]),
            Node::new("If", &["x"], &["y"]),
        ];
        let owner = Owner {
            node: NodeId { body: 0, index: 2 },
            attribute: "then_branch".to_owned(),
        };
        graph.add(Body {
            owner: Some(owner),
            nodes: vec![Node::new("MatMul", &["x", "t"], &["m"])],
            ..Body::default()
        });
        let takers = Takers::of(&graph);
        let expected = Taker {
            node: NodeId { body: 1, index: 0 },
            input: 1,
            view: View::Transposed,
        };
        assert_eq!(takers.all(0, 0), [expected]);
        assert_eq!(takers.layout(&graph, 0, 0).unwrap(), Layout::oi());
        assert_eq!(takers.all(0, 1), []);
        assert_eq!(takers.layout(&graph, 5, 0), None);
    }
}
