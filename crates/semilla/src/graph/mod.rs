//! A model as a graph, in plain data: nodes, the values between them, and the tensors they take.
//!
//! Nothing here runs a model or reads a file. A reader fills a [`Graph`]; whoever wants to know
//! more asks:
//!
//! | question | answer |
//! | --- | --- |
//! | who makes a value, and who takes it? | [`Wiring`] |
//! | in which order can the nodes run? | [`order`] |
//! | which nodes take a tensor in the end, through casts and transposes? | [`Takers`] |
//! | is that tensor a weight, a bias, a running mean? | [`operand`] |
//! | which of its axes are inputs and outputs? | [`layout`], [`Takers::layout`] |
//! | a convolution's kernel, strides, dilations, groups? | [`Convolution`] |
//!
//! A graph is a list of bodies: the main one, then those of branches, loops and functions. A body
//! names the node that owns it, and its nodes also see the values of the bodies around it.
//!
//! ```
//! use semilla::graph::{Graph, Initializer, Node, Takers};
//!
//! let mut graph = Graph::new();
//! let main = &mut graph.bodies_mut()[0];
//! main.initializers.push(Initializer::new("w", semilla::DType::F32, [8, 4]));
//! main.nodes.push(Node::new("Transpose", &["w"], &["wt"]));
//! main.nodes.push(Node::new("MatMul", &["x", "wt"], &["y"]));
//!
//! let takers = Takers::of(&graph);
//! assert_eq!(takers.all(0, 0)[0].node.index, 1);
//! assert_eq!(takers.layout(&graph, 0, 0).unwrap().to_string(), "OI");
//! ```

mod attribute;
mod axes;
mod convolution;
mod literal;
mod node;
mod operand;
mod order;
mod scope;
mod structure;
mod takers;
mod value;
mod wiring;

pub use attribute::Attribute;
pub use axes::{View, layout};
pub use convolution::Convolution;
pub use literal::Literal;
pub use node::{Node, Properties};
pub use operand::{Operand, operand};
pub use order::{OrderError, order};
pub use structure::{Body, Function, Graph, NodeId, Owner};
pub use takers::{Taker, Takers};
pub use value::{Dim, Initializer, Value};
pub use wiring::{Source, Use, Wiring};
