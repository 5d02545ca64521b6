//! How a model is put together: bodies of nodes, one within the other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::node::Node;
use super::value::{Initializer, Value};

/// A model's computation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Graph {
    /// The main body is the first; each comes after the one around it.
    bodies: Vec<Body>,
    /// Operators that the model defines itself.
    pub functions: Vec<Function>,
    /// The version of each domain's operators; ONNX's own domain is the empty text.
    pub opsets: BTreeMap<String, i64>,
}

/// Nodes that run together: the whole model, a branch of an `If`, what a `Loop` repeats, or a
/// function. Its nodes also take values of the bodies around it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Body {
    /// Its own name.
    pub name: String,
    /// The node that runs it; `None` for the main body and for functions.
    pub owner: Option<Owner>,
    /// The nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// Its inputs. Some exporters list initializers here too: see [`Body::given`].
    pub inputs: Vec<Value>,
    /// Its outputs.
    pub outputs: Vec<Value>,
    /// The tensors that it carries, those of `Constant` nodes too.
    pub initializers: Vec<Initializer>,
    /// Types and shapes of values in between, as far as they are known.
    pub values: Vec<Value>,
}

/// The node that runs a body, and the attribute that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The node.
    pub node: NodeId,
    /// The attribute, such as `then_branch`.
    pub attribute: String,
}

/// A node, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct NodeId {
    /// The body that it is in.
    pub body: usize,
    /// Its position there.
    pub index: usize,
}

/// An operator that a model defines itself: nodes that stand for one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Function {
    /// Its domain, name and overload: nodes that call it have the same.
    pub domain: String,
    /// See `domain`.
    pub name: String,
    /// See `domain`.
    pub overload: String,
    /// The body, by its position; inputs and outputs there have names only.
    pub body: usize,
    /// The attributes that a call may give.
    pub attributes: Vec<String>,
    /// The versions of the operators inside, where they differ from the model's.
    pub opsets: BTreeMap<String, i64>,
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl Graph {
    /// A graph with an empty main body.
    pub fn new() -> Self {
        Self {
            bodies: vec![Body::default()],
            functions: Vec::new(),
            opsets: BTreeMap::new(),
        }
    }

    /// The main body: the model itself.
    pub fn main(&self) -> &Body {
        &self.bodies[0]
    }

    /// All bodies, the main one first.
    pub fn bodies(&self) -> &[Body] {
        &self.bodies
    }

    /// All bodies, to be changed.
    pub fn bodies_mut(&mut self) -> &mut [Body] {
        &mut self.bodies
    }

    /// Adds a body behind the others and returns its position.
    pub fn add(&mut self, body: Body) -> usize {
        self.bodies.push(body);
        self.bodies.len() - 1
    }

    /// The node at a position.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.bodies.get(id.body)?.nodes.get(id.index)
    }

    /// The body around this one.
    pub fn around(&self, body: usize) -> Option<usize> {
        let owner = self.bodies.get(body)?.owner.as_ref()?;
        // A body can only lie within an earlier one, so that no walk outwards is endless.
        Some(owner.node.body).filter(|&outer| outer < body)
    }

    /// A body and all those around it, from the inside out.
    pub fn outwards(&self, body: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(body), |&body| self.around(body))
    }

    /// The version of a domain's operators; ONNX's own is the empty text.
    pub fn opset(&self, domain: &str) -> Option<i64> {
        let domain = if domain == "ai.onnx" { "" } else { domain };
        self.opsets.get(domain).copied()
    }
}

impl Body {
    /// The inputs that must be given: those that are not initializers.
    pub fn given(&self) -> impl Iterator<Item = &Value> {
        let mut given: BTreeSet<&str> = self.inputs.iter().map(|input| &*input.name).collect();
        for tensor in &self.initializers {
            given.remove(&*tensor.name);
        }
        let inputs = self.inputs.iter();
        inputs.filter(move |input| given.contains(&*input.name))
    }

    /// The known type and shape of a value.
    pub fn value(&self, name: &str) -> Option<&Value> {
        let known = self.inputs.iter().chain(&self.outputs).chain(&self.values);
        known.into_iter().find(|value| value.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn walks_outwards_end_whatever_the_owners() {
        let mut graph = Graph::new();
        let owned = |body| Body {
            owner: Some(Owner {
                node: NodeId { body, index: 0 },
                attribute: "body".to_owned(),
            }),
            ..Body::default()
        };
        graph.add(owned(0));
        graph.add(owned(1));
        graph.add(owned(3));
        assert!(graph.outwards(2).eq([2, 1, 0]));
        assert!(graph.outwards(3).eq([3]));
        assert_eq!(graph.around(9), None);
        let id = NodeId { body: 0, index: 0 };
        assert_eq!(graph.node(id), None);
    }

    #[test]
    fn initializers_among_the_inputs_need_not_be_given() {
        let input = |name: &str| Value {
            name: name.to_owned(),
            ..Value::default()
        };
        let body = Body {
            inputs: vec![input("x"), input("w")],
            initializers: vec![Initializer::new("w", DType::F32, [1])],
            ..Body::default()
        };
        assert!(body.given().map(|value| &*value.name).eq(["x"]));
        assert_eq!(body.value("w").unwrap().dtype, None);
    }

    #[test]
    fn versions_of_operators() {
        let mut graph = Graph::new();
        graph.opsets.insert(String::new(), 17);
        assert_eq!(graph.opset("ai.onnx"), Some(17));
        assert_eq!(graph.opset("com.microsoft"), None);
    }
}
