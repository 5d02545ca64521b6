//! The parts of a sketch, one after the other, and what repeats.

use std::ops::Range;

use super::sketch::{Kind, Node, Sketch};

/// A stretch of the network's main way.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    /// Nodes of which only the last is taken later.
    Step(Range<usize>),
    /// The same steps several times, each time with weights of its own.
    Repeat(Vec<Vec<Range<usize>>>),
}

/// Fewer repetitions stay as they are.
const LEAST: usize = 3;
/// Steps that repeat together, at most.
const LONGEST: usize = 12;

/// The parts of a sketch, in order.
pub(super) fn parts(sketch: &Sketch) -> Vec<Part> {
    let steps = steps(sketch);
    let looks: Vec<Look<'_>> = steps.iter().map(|step| look(sketch, step)).collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < steps.len() {
        let repeats = (1..=LONGEST).map(|period| (period, count(&looks[at..], period)));
        let repeats = repeats.filter(|&(_, count)| count >= LEAST);
        // The longest stretch, in its shortest period.
        let best = repeats.max_by_key(|&(period, count)| (period * count, count));
        match best {
            Some((period, count)) => {
                let covered = &steps[at..at + period * count];
                parts.push(Part::Repeat(
                    covered.chunks(period).map(<[_]>::to_vec).collect(),
                ));
                at += period * count;
            }
            None => {
                parts.push(Part::Step(steps[at].clone()));
                at += 1;
            }
        }
    }
    parts
}

/// Cuts after every node that alone is taken by later ones.
fn steps(sketch: &Sketch) -> Vec<Range<usize>> {
    let count = sketch.nodes.len();
    let mut last_use: Vec<usize> = (0..count).collect();
    for &(from, to) in &sketch.edges {
        last_use[from] = last_use[from].max(to);
    }
    let mut steps = Vec::new();
    let (mut start, mut farthest) = (0, 0);
    for (place, &last) in last_use.iter().enumerate() {
        // How far nodes before this one reach.
        if farthest <= place || place + 1 == count {
            steps.push(start..place + 1);
            start = place + 1;
        }
        farthest = farthest.max(last);
    }
    steps
}

/// How many times the first steps repeat from the start on.
fn count(looks: &[Look<'_>], period: usize) -> usize {
    let Some(first) = looks.get(..period) else {
        return 0;
    };
    let has_layer = first
        .iter()
        .any(|look| look.nodes.iter().any(|(kind, ..)| *kind == Kind::Layer));
    match has_layer {
        true => looks
            .chunks_exact(period)
            .take_while(|chunk| *chunk == first)
            .count(),
        false => 0,
    }
}

/// A node's kind, its operator where signals meet, its weight's shape, what follows it.
type NodeLook<'a> = (Kind, Option<&'a str>, &'a [usize], &'a [String]);

/// All of a step but its names: steps of one look are the same block.
#[derive(PartialEq)]
struct Look<'a> {
    nodes: Vec<NodeLook<'a>>,
    /// Edges by how far each end is from the step's first node.
    edges: Vec<(usize, usize)>,
}

fn look<'a>(sketch: &'a Sketch, step: &Range<usize>) -> Look<'a> {
    let node = |node: &'a Node| {
        let operator = (node.kind == Kind::Junction).then_some(&*node.name);
        (node.kind, operator, &*node.shape, &*node.then)
    };
    let edges = sketch.edges.iter().filter(|(_, to)| step.contains(to));
    Look {
        nodes: sketch.nodes[step.clone()].iter().map(node).collect(),
        edges: edges
            .map(|(from, to)| (from + 1 - step.start.min(from + 1), to - step.start))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use semilla::model::Spec;

    use super::*;

    #[test]
    fn equal_layers_repeat() {
        let text = format!("mlp:8-{}4:tanh", "16-".repeat(6));
        let graph = Spec::graph(&text).unwrap();
        let names: Vec<String> = (0..7)
            .map(|layer| format!("layers.{layer}.weight"))
            .collect();
        let sketch = Sketch::of(&graph, names.iter().map(String::as_str));
        let alone = |node: usize| std::iter::once(node..node + 1).collect();
        let expected = [
            Part::Step(0..1),
            Part::Step(1..2),
            Part::Repeat((2..7).map(alone).collect()),
            Part::Step(7..8),
            Part::Step(8..9),
        ];
        assert_eq!(parts(&sketch), expected);
    }

    #[test]
    fn steps_end_where_everything_goes_through_one_node() {
        let node = Node::plain;
        let sketch = Sketch {
            nodes: vec![
                node(Kind::Input, "x"),
                node(Kind::Layer, "a"),
                node(Kind::Layer, "b"),
                node(Kind::Junction, "Add"),
                node(Kind::Output, "y"),
            ],
            edges: vec![(0, 1), (1, 2), (2, 3), (0, 3), (3, 4)],
        };
        assert_eq!(steps(&sketch), [0..1, 1..4, 4..5]);
    }
}
