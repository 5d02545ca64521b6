//! What a graph's inputs take.

use std::collections::BTreeMap;

use semilla::graph::{Dim, Graph, Source, Takers, Wiring};

/// What one input of a graph takes.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// Its name.
    pub name: String,
    /// Whether it takes numbers; if not, whole numbers: words, masks, positions.
    pub takes_numbers: bool,
    /// The size of each axis, samples first; `None` if not even the number of axes is known.
    pub shape: Option<Vec<Dim>>,
    /// The rows of the table that it is looked up in: ids are below.
    pub vocabulary: Option<usize>,
}

impl InputSpec {
    /// Those of all inputs that must be given. Open axes whose names are in `sizes` are known.
    pub fn all(graph: &Graph, sizes: &BTreeMap<String, usize>) -> Vec<Self> {
        let vocabularies = vocabularies(graph);
        let known = |dim: &Dim| match dim {
            Dim::Named(name) => sizes
                .get(name)
                .map_or(dim.clone(), |&size| Dim::Known(size)),
            other => other.clone(),
        };
        let spec = |input: &semilla::graph::Value| Self {
            name: input.name.clone(),
            takes_numbers: input.dtype.is_none_or(|dtype| dtype.is_float()),
            shape: (input.shape.as_ref()).map(|dims| dims.iter().map(known).collect()),
            vocabulary: vocabularies.get(&input.name).copied(),
        };
        graph.main().given().map(spec).collect()
    }
}

/// The size of the table that each input is looked up in.
pub(super) fn vocabularies(graph: &Graph) -> BTreeMap<String, usize> {
    let (wiring, takers) = (Wiring::of(graph), Takers::of(graph));
    let mut found = BTreeMap::new();
    for (place, tensor) in graph.main().initializers.iter().enumerate() {
        for taker in takers.all(0, place) {
            let Some(node) = graph
                .node(taker.node)
                .filter(|node| node.operator == "Gather")
            else {
                continue;
            };
            let (Some(indices), 0) = (node.inputs.get(1), taker.input) else {
                continue;
            };
            if let Some(input) = origin(graph, &wiring, taker.node.body, indices) {
                let rows = tensor.shape.first().copied().unwrap_or(1);
                let least = found.entry(input).or_insert(rows);
                *least = rows.min(*least);
            }
        }
    }
    found
}

/// The input that a value is, changed in type or shape at most.
fn origin(graph: &Graph, wiring: &Wiring<'_>, body: usize, name: &str) -> Option<String> {
    const LONGEST: usize = 16;
    let mut name = name.to_owned();
    for _ in 0..LONGEST {
        match wiring.source(body, &name)? {
            Source::Input { body: 0, index } => {
                return Some(graph.main().inputs[index].name.clone());
            }
            Source::Output { node, .. } => {
                let node = graph.node(node)?;
                let passes = [
                    "Cast",
                    "Identity",
                    "Reshape",
                    "Unsqueeze",
                    "Squeeze",
                    "Flatten",
                ];
                name = node
                    .inputs
                    .first()
                    .filter(|_| passes.contains(&&*node.operator))?
                    .clone();
            }
            _ => return None,
        }
    }
    None
}
