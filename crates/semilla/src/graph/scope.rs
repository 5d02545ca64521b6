//! Names as nodes see them: those of their own body, then those of the bodies around it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::structure::{Body, Graph};

/// What names of a graph stand for. They are many and short, so that the hash counts.
pub(super) type ByName<'g, T> = HashMap<&'g str, T, RandomState>;

/// A table for as many names as a body has, about.
pub(super) fn by_name<'g, T>(body: &Body) -> ByName<'g, T> {
    let count = body.initializers.len() + body.nodes.len();
    HashMap::with_capacity_and_hasher(count, RandomState::default())
}

/// The meanings of names.
pub(super) struct Names<'g, T> {
    graph: &'g Graph,
    /// By body.
    defined: Vec<ByName<'g, T>>,
}

impl<'g, T> Names<'g, T> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            defined: graph.bodies().iter().map(by_name).collect(),
        }
    }

    /// Says what a name stands for in a body of the graph, unless that has been said.
    pub(super) fn define(&mut self, body: usize, name: &'g str, meaning: T) {
        self.defined[body].entry(name).or_insert(meaning);
    }

    /// The body that defines a name which a node of `body` takes, and what it stands for.
    pub(super) fn find(&self, body: usize, name: &str) -> Option<(usize, &T)> {
        // An optional input that is left out has no name.
        if name.is_empty() {
            return None;
        }
        let mut bodies = self.graph.outwards(body);
        bodies.find_map(|body| Some((body, self.defined.get(body)?.get(name)?)))
    }
}
