//! Where the nodes of a step lie: in ranks from top to bottom, with as few crossings as a few sweeps
//! find, each close to its neighbours.

use std::ops::Range;

use super::sketch::{Kind, Sketch};

/// A step, laid out. The way in is at the middle of the top, the way out at the middle of the bottom.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The nodes, by their places in the sketch, and their boxes.
    pub(super) boxes: Vec<(usize, Box)>,
    /// Points that edges go through, from top to bottom.
    pub(super) edges: Vec<Vec<(f64, f64)>>,
}

/// A node's place: its middle and its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Box {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Between ranks.
const GAP: f64 = 26.0;
/// Between the nodes of a rank.
const SPACE: f64 = 12.0;
/// Of a layer.
const HEIGHT: f64 = 40.0;
/// Of a point where signals meet.
const JUNCTION: f64 = 24.0;
/// Of an edge that passes a rank.
const LANE: f64 = 10.0;
/// Above the first rank and below the last.
const MARGIN: f64 = 18.0;
/// How far an edge goes straight on across the border between two steps.
const STUB: f64 = 3.0;

/// What lies in a rank.
#[derive(Clone, Copy, PartialEq)]
enum Item {
    Node(usize),
    /// An edge on its way past.
    Lane,
    /// The end of the step before.
    Entry,
}

/// A grid of items and the edges between neighbouring ranks.
struct Ranks {
    /// Items by number.
    items: Vec<Item>,
    /// The items of each rank, from left to right.
    ranks: Vec<Vec<usize>>,
    /// Neighbours above and below, by item.
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    /// The items that each edge goes through.
    chains: Vec<Vec<usize>>,
}

impl Layout {
    /// Lays out a step of a sketch.
    pub(super) fn of(sketch: &Sketch, step: &Range<usize>) -> Self {
        let mut ranks = Ranks::of(sketch, step);
        ranks.untangle();
        // Beside many others a box is narrow.
        let boxes = |rank: &Vec<usize>| {
            let nodes = rank.iter().filter(|&&item| ranks.is_box(item, sketch));
            nodes.count()
        };
        let most = ranks.ranks.iter().map(boxes).max().unwrap_or(1);
        let box_width = if most > 2 { 128.0 } else { 184.0 };
        let size = |item: usize| match ranks.items[item] {
            Item::Lane | Item::Entry => (LANE, 0.0),
            Item::Node(node) => match sketch.nodes[node].kind {
                Kind::Junction => (JUNCTION, JUNCTION),
                _ => (box_width, HEIGHT),
            },
        };
        let across = ranks.across(|item| size(item).0);
        let (mut left, mut right) = (0.0f64, 0.0f64);
        for (item, x) in across.iter().enumerate() {
            left = left.min(x - size(item).0 / 2.0);
            right = right.max(x + size(item).0 / 2.0);
        }
        // The ways in and out are at the middle.
        let half = right.max(-left) + 2.0;
        let mut down = vec![0.0; ranks.items.len()];
        let mut y = -GAP + MARGIN;
        for rank in ranks.ranks.iter().filter(|rank| *rank != &[0]) {
            let height = rank.iter().map(|&item| size(item).1).fold(0.0, f64::max);
            y += GAP + height / 2.0;
            rank.iter().for_each(|&item| down[item] = y);
            y += height / 2.0;
        }
        let height = y + MARGIN;
        let at = |item: usize| (across[item] + half, down[item]);
        let boxes = ranks.items.iter().enumerate().filter_map(|(item, kind)| {
            let Item::Node(node) = *kind else { return None };
            let ((x, y), (width, height)) = (at(item), size(item));
            Some((
                node,
                Box {
                    x,
                    y,
                    width,
                    height,
                },
            ))
        });
        let mut edges: Vec<Vec<(f64, f64)>> = Vec::new();
        for chain in &ranks.chains {
            let mut points = Vec::new();
            for (place, &item) in chain.iter().enumerate() {
                let ((x, y), (_, height)) = (at(item), size(item));
                let is_end = place == 0 || place + 1 == chain.len();
                match (ranks.items[item], place) {
                    (Item::Entry, _) => points.extend([(half, 0.0), (half, STUB)]),
                    (_, 0) => points.push((x, y + height / 2.0)),
                    _ if is_end => points.push((x, y - height / 2.0)),
                    _ => points.extend([(x, y - HEIGHT / 2.0), (x, y + HEIGHT / 2.0)]),
                }
            }
            edges.push(points);
        }
        // Out of the last node, if a step follows.
        if step.end < sketch.nodes.len() {
            let last = ranks
                .items
                .iter()
                .position(|item| *item == Item::Node(step.end - 1));
            let bottom = last.map(|item| (at(item).0, at(item).1 + size(item).1 / 2.0));
            edges.extend(bottom.map(|from| vec![from, (half, height - STUB), (half, height)]));
        }
        Self {
            width: 2.0 * half,
            height,
            boxes: boxes.collect(),
            edges,
        }
    }
}

impl Ranks {
    fn of(sketch: &Sketch, step: &Range<usize>) -> Self {
        let own: Vec<(usize, usize)> = sketch
            .edges
            .iter()
            .copied()
            .filter(|(_, to)| step.contains(to))
            .collect();
        let mut rank: Vec<usize> = vec![1; step.len()];
        for node in step.clone() {
            for &(from, to) in own.iter().filter(|&&(_, to)| to == node) {
                let above = if step.contains(&from) {
                    rank[from - step.start]
                } else {
                    0
                };
                let below = &mut rank[to - step.start];
                *below = (*below).max(above + 1);
            }
        }
        // What takes from nothing stands above who takes from it.
        for node in step.clone() {
            if own.iter().all(|&(_, to)| to != node) {
                let takers = own.iter().filter(|&&(from, _)| from == node);
                let nearest = takers.map(|&(_, to)| rank[to - step.start]).min();
                rank[node - step.start] = nearest.map_or(1, |nearest| (nearest - 1).max(1));
            }
        }
        let deepest = rank.iter().copied().max().unwrap_or(0);
        let mut ranks = Self {
            items: vec![Item::Entry],
            ranks: vec![Vec::new(); deepest + 1],
            above: vec![Vec::new()],
            below: vec![Vec::new()],
            chains: Vec::new(),
        };
        ranks.ranks[0].push(0);
        let nodes: Vec<usize> = step
            .clone()
            .map(|node| ranks.add(Item::Node(node), rank[node - step.start]))
            .collect();
        for (from, to) in own {
            let (mut item, mut at) = match step.contains(&from) {
                true => (nodes[from - step.start], rank[from - step.start]),
                false => (0, 0),
            };
            let mut chain = vec![item];
            while at + 1 < rank[to - step.start] {
                at += 1;
                let lane = ranks.add(Item::Lane, at);
                ranks.link(item, lane);
                chain.push(lane);
                item = lane;
            }
            ranks.link(item, nodes[to - step.start]);
            chain.push(nodes[to - step.start]);
            ranks.chains.push(chain);
        }
        ranks
    }

    fn add(&mut self, item: Item, rank: usize) -> usize {
        let number = self.items.len();
        self.items.push(item);
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        self.ranks[rank].push(number);
        number
    }

    fn link(&mut self, above: usize, below: usize) {
        self.below[above].push(below);
        self.above[below].push(above);
    }

    fn is_box(&self, item: usize, sketch: &Sketch) -> bool {
        match self.items[item] {
            Item::Node(node) => sketch.nodes[node].kind != Kind::Junction,
            _ => false,
        }
    }

    /// Orders each rank by the middle of its neighbours (Sugiyama, Tagawa and Toda 1981), and keeps
    /// the order with the fewest crossings.
    fn untangle(&mut self) {
        const SWEEPS: usize = 8;
        let mut best = (self.crossings(), self.ranks.clone());
        for sweep in 0..SWEEPS {
            let count = self.ranks.len();
            let mut places = self.places();
            for place in 0..count {
                match sweep % 2 {
                    0 => self.sort(place, true, &mut places),
                    _ => self.sort(count - 1 - place, false, &mut places),
                }
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.ranks.clone());
            }
        }
        self.ranks = best.1;
    }

    /// Sorts a rank; `places` are those of all items.
    fn sort(&mut self, rank: usize, by_above: bool, places: &mut [usize]) {
        let neighbours = if by_above { &self.above } else { &self.below };
        let middle = |item: usize| match &*neighbours[item] {
            [] => places[item] as f64,
            others => {
                let sum: usize = others.iter().map(|&other| places[other]).sum();
                sum as f64 / others.len() as f64
            }
        };
        self.ranks[rank].sort_by(|&a, &b| middle(a).total_cmp(&middle(b)));
        put(&self.ranks[rank], places);
    }

    /// The place of each item in its rank.
    fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.items.len()];
        self.ranks.iter().for_each(|rank| put(rank, &mut places));
        places
    }

    fn crossings(&self) -> usize {
        let places = self.places();
        let crossings = self.ranks.iter().map(|rank| {
            let mut edges: Vec<(usize, usize)> = rank
                .iter()
                .flat_map(|&item| self.below[item].iter().map(move |&to| (item, to)))
                .map(|(from, to)| (places[from], places[to]))
                .collect();
            // From left to right, an edge crosses those before it that end farther right.
            edges.sort_unstable();
            let mut ends: Vec<usize> = Vec::with_capacity(edges.len());
            let crossed = edges.into_iter().map(|(_, end)| {
                let place = ends.partition_point(|&other| other <= end);
                ends.insert(place, end);
                ends.len() - 1 - place
            });
            crossed.sum::<usize>()
        });
        crossings.sum()
    }

    /// The middle of each item, with the way in at 0: as close to its neighbours as the order and
    /// the widths allow.
    fn across(&self, width: impl Fn(usize) -> f64) -> Vec<f64> {
        const SWEEPS: usize = 12;
        let mut across = vec![0.0; self.items.len()];
        for rank in &self.ranks {
            let wanted = vec![0.0; rank.len()];
            apart(rank, &wanted, &width, &mut across);
        }
        for sweep in 0..SWEEPS {
            let count = self.ranks.len();
            for place in 0..count {
                let rank = &self.ranks[if sweep % 2 == 0 {
                    place
                } else {
                    count - 1 - place
                }];
                if *rank == [0] {
                    continue;
                }
                let wanted: Vec<f64> = rank.iter().map(|&item| self.pull(item, &across)).collect();
                apart(rank, &wanted, &width, &mut across);
            }
        }
        across
    }

    /// The middle of all neighbours.
    fn pull(&self, item: usize, across: &[f64]) -> f64 {
        let around = self.above[item].iter().chain(&self.below[item]);
        let (mut sum, mut count) = (0.0, 0.0);
        for &other in around {
            sum += across[other];
            count += 1.0;
        }
        if count > 0.0 {
            sum / count
        } else {
            across[item]
        }
    }
}

/// Writes down the places of a rank's items.
fn put(rank: &[usize], places: &mut [usize]) {
    for (place, &item) in rank.iter().enumerate() {
        places[item] = place;
    }
}

/// Puts items of a rank as close to where they are wanted as their widths allow: pools of items that
/// touch each other lie around the mean of what they want.
fn apart(rank: &[usize], wanted: &[f64], width: &impl Fn(usize) -> f64, across: &mut [f64]) {
    // Where items would lie if all stood side by side from 0 on.
    let mut beside = Vec::with_capacity(rank.len());
    let mut edge = 0.0;
    for &item in rank {
        beside.push(edge + width(item) / 2.0);
        edge += width(item) + SPACE;
    }
    // Pools: the sum of what their items want, less their places side by side, and their number.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (want, beside) in wanted.iter().zip(&beside) {
        let mut pool = (want - beside, 1);
        while let Some(&last) = pools.last() {
            if last.0 / (last.1 as f64) < pool.0 / (pool.1 as f64) {
                break;
            }
            pool = (last.0 + pool.0, last.1 + pool.1);
            pools.pop();
        }
        pools.push(pool);
    }
    let mut place = 0;
    for (sum, count) in pools {
        for _ in 0..count {
            across[rank[place]] = beside[place] + sum / count as f64;
            place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sketch::Node;
    use super::*;

    fn sketch(kinds: &[Kind], edges: &[(usize, usize)]) -> Sketch {
        let node = |&kind: &Kind| Node::plain(kind, "a");
        Sketch {
            nodes: kinds.iter().map(node).collect(),
            edges: edges.to_vec(),
        }
    }

    use Kind::{Input, Junction, Layer};

    #[test]
    fn nothing_overlaps() {
        // Attention: three in parallel, two meetings, one more layer, and the sum around it all.
        let kinds = [
            Input, Layer, Layer, Layer, Junction, Junction, Layer, Junction,
        ];
        let edges = [
            (0, 1),
            (0, 2),
            (0, 3),
            (1, 4),
            (2, 4),
            (4, 5),
            (3, 5),
            (5, 6),
            (6, 7),
            (0, 7),
        ];
        let found = Layout::of(&sketch(&kinds, &edges), &(1..8));
        assert_eq!(found.boxes.len(), 7);
        for (i, (_, a)) in found.boxes.iter().enumerate() {
            assert!(a.x - a.width / 2.0 >= 0.0 && a.x + a.width / 2.0 <= found.width);
            assert!(a.y - a.height / 2.0 >= 0.0 && a.y + a.height / 2.0 <= found.height);
            for (_, b) in &found.boxes[..i] {
                let apart_across = (a.x - b.x).abs() >= (a.width + b.width) / 2.0;
                let apart_down = (a.y - b.y).abs() >= (a.height + b.height) / 2.0;
                assert!(apart_across || apart_down, "{a:?} lies on {b:?}");
            }
        }
        // Edges go down.
        let mut steps = found.edges.iter().flat_map(|edge| edge.windows(2));
        assert!(steps.all(|ends| ends[0].1 <= ends[1].1));
    }

    #[test]
    fn edges_that_cross_are_counted_and_untangled() {
        let kinds = [Input, Layer, Layer, Layer, Layer, Layer];
        let edges = [(0, 1), (0, 2), (0, 3), (1, 5), (2, 4), (3, 4), (3, 5)];
        let mut ranks = Ranks::of(&sketch(&kinds, &edges), &(1..6));
        // From 1 to 5 goes across both edges that end in 4.
        assert_eq!(ranks.crossings(), 2);
        ranks.untangle();
        assert_eq!(ranks.crossings(), 0);
    }

    #[test]
    fn one_node_lies_in_the_middle() {
        let found = Layout::of(&sketch(&[Input, Layer, Layer], &[(0, 1), (1, 2)]), &(1..2));
        assert_eq!(found.boxes[0].1.x, found.width / 2.0);
        assert_eq!(found.edges.len(), 2, "in and out");
    }
}
