//! The drawing of a network.

use std::ops::Range;

use maud::{Markup, html};
use semilla_signal::Health;

use super::layout::{Box, Layout};
use super::parts::{Part, parts};
use super::sketch::{Kind, Node, Sketch};
use crate::charts::place;
use crate::signs::{class, sign};
use crate::text;

/// Repeats are drawn one by one up to this many nodes; beyond it, the first is drawn.
const MOST: usize = 120;

/// A sketch as a drawing. Nodes of layers lead to the elements with the ids `layer-1`, `layer-2`...,
/// and are named by those with the ids `name-1`...
pub(crate) fn drawing(sketch: &Sketch, health: &[Health]) -> Markup {
    html! {
        div.flow {
            @for part in parts(sketch) {
                @match part {
                    Part::Step(step) => (drawn(sketch, &step, health)),
                    Part::Repeat(blocks) => (repeat(sketch, &blocks, health)),
                }
            }
        }
    }
}

fn repeat(sketch: &Sketch, blocks: &[Vec<Range<usize>>], health: &[Health]) -> Markup {
    let nodes = |block: &Vec<Range<usize>>| block.iter().map(Range::len).sum::<usize>();
    let total: usize = blocks.iter().map(nodes).sum();
    let shown = if total <= MOST { blocks.len() } else { 1 };
    let first = blocks[0].first().map_or(0, |step| step.start);
    let last = blocks
        .last()
        .and_then(|block| block.last())
        .map_or(0, |step| step.end);
    let all = &sketch.nodes[first..last];
    let name = |node: &&Node| node.kind == Kind::Layer;
    let (from, to) = (all.iter().find(name), all.iter().rev().find(name));
    html! {
        details.repeat {
            summary {
                span.turn aria-hidden="true" { "›" }
                b { (blocks.len()) " × " }
                (text::blocks(blocks[0].iter().map(|step| layers(sketch, step)).sum()))
                br;
                span.name { (short(from.map_or("", |node| &node.name), 30)) }
                br;
                span.name { "… " (short(to.map_or("", |node| &node.name), 28)) }
                (strip(sketch, blocks, health))
            }
            div.members {
                @for (number, block) in blocks.iter().take(shown).enumerate() {
                    @if shown > 1 && block.len() + nodes(block) > 2 {
                        p.which { (number + 1) " / " (blocks.len()) }
                    }
                    @for step in block { (drawn(sketch, step, health)) }
                }
                @if shown < blocks.len() { p.which { (text::ONLY_FIRST) } }
            }
        }
        (wire())
    }
}

/// The line from a folded part to the next.
fn wire() -> Markup {
    html! {
        svg.step width="20" height="13" viewBox="0 0 20 13" aria-hidden="true" {
            path.edge d="M10 0V13" {}
        }
    }
}

fn layers(sketch: &Sketch, step: &Range<usize>) -> usize {
    let nodes = sketch.nodes[step.clone()].iter();
    nodes.filter(|node| node.kind == Kind::Layer).count()
}

/// The health of all layers of repeated blocks: a column for each block.
fn strip(sketch: &Sketch, blocks: &[Vec<Range<usize>>], health: &[Health]) -> Markup {
    const CELL: f64 = 9.0;
    let column = |block: &Vec<Range<usize>>| -> Vec<&'static str> {
        let nodes = block.iter().flat_map(|step| &sketch.nodes[step.clone()]);
        let layers = nodes.filter(|node| node.kind == Kind::Layer);
        layers
            .map(|node| worst(node, health).map_or("none", class))
            .collect()
    };
    let columns: Vec<Vec<&str>> = blocks.iter().map(column).collect();
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (columns.len() as f64 * CELL, rows as f64 * CELL);
    html! {
        svg.strip width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) }
            aria-hidden="true" {
            @for (x, column) in columns.iter().enumerate() {
                @for (y, class) in column.iter().enumerate() {
                    rect class=(class) x=(x as f64 * CELL) y=(y as f64 * CELL) width="8" height="8"
                        rx="1.5" {}
                }
            }
        }
    }
}

fn worst(node: &Node, health: &[Health]) -> Option<Health> {
    node.layers
        .iter()
        .filter_map(|&layer| health.get(layer).copied())
        .max()
}

fn drawn(sketch: &Sketch, step: &Range<usize>, health: &[Health]) -> Markup {
    let layout = Layout::of(sketch, step);
    let (width, height) = (place(layout.width), place(layout.height));
    html! {
        svg.step width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } {
            @for edge in &layout.edges { path.edge d=(curve(edge)) {} }
            @for (node, area) in &layout.boxes { (shape(&sketch.nodes[*node], area, health)) }
        }
    }
}

/// A line through points: down where they lie below each other, bent elsewhere.
fn curve(points: &[(f64, f64)]) -> String {
    let points: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (place(x), place(y))).collect();
    let mut path = points
        .first()
        .map_or(String::new(), |(x, y)| format!("M{x} {y}"));
    for (at, two) in points.windows(2).enumerate() {
        let [(before, above), (x, y)] = [two[0], two[1]];
        let goes_on = points.get(at + 2).is_some_and(|next| next.0 == x);
        path += &match before == x {
            // A long way down is one line.
            true if goes_on => continue,
            true => format!("V{y}"),
            false => {
                let middle = place((above + y) / 2.0);
                format!("C{before} {middle} {x} {middle} {x} {y}")
            }
        };
    }
    path
}

fn shape(node: &Node, area: &Box, health: &[Health]) -> Markup {
    let (x, y) = (place(area.x), place(area.y));
    if node.kind == Kind::Junction {
        return html! {
            g.junction {
                title { (node.name) }
                circle cx=(x) cy=(y) r="11" {}
                text x=(x) y=(y + 4.0) { (meeting(&node.name)) }
            }
        };
    }
    let found = worst(node, health);
    // A letter of the page's monospace is about this wide.
    let room = ((area.width - 30.0) / 6.95) as usize;
    let content = html! {
        rect x=(place(x - area.width / 2.0)) y=(place(y - area.height / 2.0)) width=(area.width)
            height=(area.height) rx="7" {}
        @let left = place(x - area.width / 2.0 + 10.0);
        @let indent = if found.is_some() { 16.0 } else { 0.0 };
        @if let Some(found) = found {
            text.sign x=(left - 1.0) y=(y - 2.0) aria-hidden="true" { (sign(found)) }
        }
        text.title x=(left + indent) y=(y - 2.0) { (short(&node.name, room)) }
        text.sub x=(left + indent) y=(y + 13.0) { (under(node, room)) }
    };
    let Some(&layer) = node.layers.first() else {
        return html! { g.node { title { (node.name) } (content) } };
    };
    let number = layer + 1;
    html! {
        a class={ "node " (found.map_or("", class)) } href={ "#layer-" (number) }
            aria-labelledby={ "name-" (number) " state-" (number) } {
            title { (node.name) }
            (content)
        }
    }
}

/// What stands below a node's name: the shape of its weight, and what follows.
fn under(node: &Node, room: usize) -> Markup {
    let sizes: Vec<String> = node.shape.iter().map(usize::to_string).collect();
    let words = std::iter::once(sizes.join("×")).chain(node.then.iter().cloned());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    match node.kind {
        Kind::Input => html! { (text::INPUT.tspans()) },
        Kind::Output => html! { (text::OUTPUT.tspans()) },
        _ => html! { (cut(&words.join(" · "), room)) },
    }
}

/// A sign for how signals meet.
fn meeting(operator: &str) -> &str {
    match operator {
        "Add" | "Sum" => "+",
        "Sub" => "−",
        "Mul" => "×",
        "MatMul" | "Gemm" | "Einsum" => "·",
        "Div" => "÷",
        "Concat" => "‖",
        "Max" => "∨",
        _ => "∘",
    }
}

/// A name without what all weights are called; the end of a long one tells more than its start.
fn short(name: &str, room: usize) -> String {
    let name = name.strip_suffix(".weight").unwrap_or(name);
    let count = name.chars().count();
    if count <= room {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count + 1 - room.max(1)).collect();
    format!("…{end}")
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let start: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{start}…")
}
