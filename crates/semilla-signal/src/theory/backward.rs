//! Gradients on their way back over the signals that were found.

use super::axes::{Axes, Mask, mean_over, new_mask, viewed};
use super::edges::Edges;
use super::interpret::Followed;
use super::node::{Link, Node, Pull, Rough, Row, SignalId, likeness};
use super::spread::{NoiseId, Noises};

/// The squared gradient of a signal, relative to that of the output.
#[derive(Clone)]
pub(super) struct Gradient {
    /// `E g g'` of two elements, by mask.
    pub(super) kernel: Vec<f64>,
    /// How alike two samples' gradients are by chance.
    alike: f64,
    pub(super) noise: NoiseId,
    /// Its mean square at each position, as parts of the mean, where positions differ.
    profile: Option<Vec<f64>>,
    /// The same at each place of an image.
    edges: Edges,
    /// How much of it is known roughly only.
    pub(super) rough: Rough,
    /// What it has in common with its signal x: `E g x g' x'`, where that is not `E g g' E x x'`.
    pull: Option<Vec<f64>>,
    /// The atoms along which weights that are others made it.
    fresh: Mask,
    /// What came by each way, if by several.
    ways: Vec<Way>,
    /// The part of the kernel that counts as it is for an earlier signal.
    aimed: Option<(SignalId, Vec<f64>)>,
}

/// What came by one way.
#[derive(Clone)]
struct Way {
    noise: NoiseId,
    kernel: Vec<f64>,
    alike: f64,
    fresh: Mask,
}

/// What is known of a gradient that comes by a way.
struct Brought {
    kernel: Vec<f64>,
    alike: f64,
    noise: NoiseId,
    profile: Option<Vec<f64>>,
    edges: Edges,
    rough: Rough,
    pull: Option<Vec<f64>>,
    fresh: Mask,
}

impl Brought {
    fn plain(kernel: Vec<f64>, alike: f64) -> Self {
        Self {
            kernel,
            alike,
            noise: Noises::NONE,
            profile: None,
            edges: Edges::default(),
            rough: Rough::NONE,
            pull: None,
            fresh: 0,
        }
    }
}

/// The gradients of all signals from which a way leads to the output; NaN where theory has no rule
/// on some way.
pub(super) fn gradients(followed: &mut Followed) -> Vec<Option<Gradient>> {
    let count = followed.theory.nodes.len();
    let mut found: Vec<Option<Gradient>> = Vec::new();
    found.resize_with(count, || None);
    let Some(output) = followed.output else {
        return found;
    };
    let axes = &followed.theory.signal(output).axes;
    let mut kernel = vec![0.0; 1 << axes.count()];
    kernel[0] = 1.0;
    let units = axes.all() & !followed.theory.signal(output).samples();
    let start = Brought::plain(kernel, 1.0 / axes.places(units));
    arrived(&mut found[output], start, &followed.theory.nodes[output]);
    let leaks: Vec<SignalId> = followed.leaks.iter().copied().collect();
    for id in leaks {
        let count = followed.theory.signal(id).kernel.len();
        let unknown = Brought::plain(vec![f64::NAN; count], 0.0);
        arrived(&mut found[id], unknown, &followed.theory.nodes[id]);
    }
    for id in (0..count).rev() {
        let Some(mut gradient) = found[id].take() else {
            continue;
        };
        let axes = &followed.theory.nodes[id].signal.axes;
        settle(&mut gradient, axes, &mut followed.theory.noises);
        let node = &followed.theory.nodes[id];
        for link in &node.links {
            let (mut kernel, aimed) = brought(&gradient, node, link);
            let to = &followed.theory.nodes[link.to];
            let (edges, factor) = link.edges.back(&gradient.edges, &to.signal.axes);
            kernel.iter_mut().for_each(|k| *k *= factor);
            let pull = pull(&gradient, link).map(|mut pull| {
                pull.iter_mut().for_each(|k| *k *= factor);
                pull
            });
            let profile = weighted(&gradient, node, link, &mut kernel);
            let pairs = node
                .signal
                .axes
                .places(node.signal.axes.all() & !node.units);
            let cosines = cosines(node, &gradient);
            let own = link.own.own(pairs, cosines);
            let mut parents = vec![(gradient.noise, 1.0)];
            parents.extend(&link.shares);
            let own = if own.is_finite() { own } else { 0.0 };
            let noise = followed.theory.noises.add(&parents, own);
            let alike = gradient.alike * link.own.keeps + link.own.adds;
            let rough = gradient.rough.max(node.own_rough).max(link.rough);
            let brought = Brought {
                kernel,
                alike,
                noise,
                profile,
                edges,
                rough,
                pull,
                fresh: fresh(&gradient, node, link, to),
            };
            arrived(&mut found[link.to], brought, to);
            if let (Some(place), Some((root, own))) = (&mut found[link.to], aimed) {
                place.aimed = match place.aimed.take() {
                    Some((known, sum)) if known == root => Some((root, plus(sum, &own))),
                    _ => Some((root, own)),
                };
            }
        }
        found[id] = Some(gradient);
    }
    found
}

/// The kernels of gradients that are the same for all samples at the output.
pub(super) fn shared(followed: &Followed) -> Vec<Option<Vec<f64>>> {
    let mut found: Vec<Option<Vec<f64>>> = vec![None; followed.theory.nodes.len()];
    let Some(output) = followed.output else {
        return found;
    };
    let signal = followed.theory.signal(output);
    let is_shared = |mask: usize| f64::from(mask & !signal.samples() == 0);
    found[output] = Some((0..signal.kernel.len()).map(is_shared).collect());
    for &id in &followed.leaks {
        found[id] = Some(vec![f64::NAN; followed.theory.signal(id).kernel.len()]);
    }
    for id in (0..found.len()).rev() {
        let Some(gradient) = found[id].take() else {
            continue;
        };
        for link in &followed.theory.nodes[id].links {
            let brought = (link.back)(&gradient);
            found[link.to] = Some(match found[link.to].take() {
                Some(known) => plus(known, &brought),
                None => brought,
            });
        }
        found[id] = Some(gradient);
    }
    found
}

fn cosines(node: &Node, gradient: &Gradient) -> f64 {
    // Random directions are never less alike than their number allows.
    let number = likeness(&gradient.kernel, &node.signal.axes, node.units);
    let alike = gradient.alike.max(1.0 / node.width()).max(number);
    node.cosines(&gradient.kernel, alike)
}

/// What a way brings, and the part of it that counts as it is for a signal, and for which.
fn brought(
    gradient: &Gradient,
    node: &Node,
    link: &Link,
) -> (Vec<f64>, Option<(SignalId, Vec<f64>)>) {
    let own = gradient.aimed.as_ref();
    let back = |kernel: &[f64]| match (&link.pulled, &gradient.pull) {
        (Some(pulled), Some(pull)) => pulled(kernel, pull),
        _ => (link.back)(kernel),
    };
    let is_there = |root: SignalId| link.to == root || link.aims == Some(root);
    let kernel = match own {
        // What has the function's slopes in it gets no others.
        Some((root, own)) if is_there(*root) => {
            plus((link.back)(&minus(&gradient.kernel, own)), own)
        }
        _ => back(&gradient.kernel),
    };
    let is_way = node.is_unchanged && node.links[0].to == link.to;
    let aimed = match (link.aims, own) {
        (Some(root), _) => Some((root, kernel.clone())),
        (None, Some((root, own))) if is_way && *root != link.to => Some((*root, (link.back)(own))),
        _ => None,
    };
    (kernel, aimed)
}

fn plus(mut a: Vec<f64>, b: &[f64]) -> Vec<f64> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// What a way leaves of what a gradient has in common with its signal, or adds.
fn pull(gradient: &Gradient, link: &Link) -> Option<Vec<f64>> {
    match &link.pull {
        Pull::Apart => None,
        Pull::Function(own) => {
            let pairs = gradient.kernel.iter().zip(&**own);
            Some(pairs.map(|(g, own)| g * own).collect())
        }
        Pull::Greatest(own, places) => {
            let each = viewed(&gradient.kernel, places);
            Some(each.iter().zip(&**own).map(|(g, own)| g * own).collect())
        }
        Pull::Same => gradient.pull.clone(),
        Pull::Moved(atoms) => gradient.pull.as_ref().map(|pull| viewed(pull, atoms)),
    }
}

/// The atoms of an earlier signal along which weights that are others made its gradient.
fn fresh(gradient: &Gradient, node: &Node, link: &Link, to: &Node) -> Mask {
    if link.fresh != 0 {
        return link.fresh;
    }
    match &link.pull {
        Pull::Moved(atoms) => new_mask(gradient.fresh, atoms),
        _ if node.signal.axes == to.signal.axes => gradient.fresh,
        _ => 0,
    }
}

/// Adds what comes by one more way.
fn arrived(place: &mut Option<Gradient>, brought: Brought, node: &Node) {
    let Brought {
        kernel,
        alike,
        noise,
        profile,
        edges,
        rough,
        pull,
        fresh,
    } = brought;
    match place {
        None => {
            *place = Some(Gradient {
                kernel,
                alike,
                noise,
                profile,
                edges,
                rough,
                pull,
                fresh,
                ways: Vec::new(),
                aimed: None,
            });
        }
        Some(sum) => {
            // The first way is all there is until a second one comes.
            if sum.ways.is_empty() {
                sum.ways.push(Way {
                    noise: sum.noise,
                    kernel: sum.kernel.clone(),
                    alike: sum.alike,
                    fresh: sum.fresh,
                });
            }
            let apart = |kernel: &[f64]| -> Vec<f64> {
                let pairs = kernel.iter().zip(&node.signal.kernel);
                pairs.map(|(g, k)| g * k).collect()
            };
            sum.pull = match (sum.pull.take(), pull) {
                (None, None) => None,
                (one, other) => {
                    let one = one.unwrap_or_else(|| apart(&sum.kernel));
                    Some(plus(one, &other.unwrap_or_else(|| apart(&kernel))))
                }
            };
            sum.fresh &= fresh;
            let total = sum.kernel[0] + kernel[0];
            if total > 0.0 {
                let parts = [sum.kernel[0] / total, kernel[0] / total];
                sum.rough = sum.rough.times(parts[0]).plus(rough.times(parts[1]));
                sum.edges = Edges::mixed([(&sum.edges, parts[0]), (&edges, parts[1])]);
            }
            sum.profile = joined((sum.profile.take(), sum.kernel[0]), (profile, kernel[0]));
            for (sum, term) in sum.kernel.iter_mut().zip(&kernel) {
                *sum += term;
            }
            sum.ways.push(Way {
                noise,
                kernel,
                alike,
                fresh,
            });
        }
    }
}

/// The fluctuation of a sum of ways that go apart.
fn settle(gradient: &mut Gradient, axes: &Axes, noises: &mut Noises) {
    let ways = std::mem::take(&mut gradient.ways);
    if ways.len() < 2 {
        return;
    }
    let total: f64 = ways.iter().map(|way| way.kernel[0]).sum();
    if total.is_nan() || total <= 0.0 {
        return;
    }
    let share = |way: &Way| way.kernel[0] / total;
    let shares: Vec<(NoiseId, f64)> = ways.iter().map(|way| (way.noise, share(way))).collect();
    gradient.alike = ways.iter().map(|way| way.alike * share(way).powi(2)).sum();
    let mut own = 0.0;
    for (place, late) in ways.iter().enumerate() {
        for early in &ways[..place] {
            own += 4.0 * share(late) * share(early) * together(early, late, axes);
        }
    }
    gradient.noise = noises.add(&shares, own);
}

/// The mean square of the product of two gradients that go apart, beside that of their lengths. One
/// of them was made by random weights: along their atoms it has any direction, the same for all
/// that are alike in the other.
fn together(early: &Way, late: &Way, axes: &Axes) -> f64 {
    let (fresh, other) = match (early.fresh, late.fresh) {
        (_, fresh) if fresh != 0 => (fresh, early),
        (fresh, _) => (fresh, late),
    };
    if fresh == 0 || other.kernel[0] <= 0.0 {
        return 0.0;
    }
    let chance = likeness(&other.kernel, axes, fresh);
    let of = |mask: Mask| match mask & !fresh {
        0 => 1.0,
        _ => (other.kernel[mask] / other.kernel[0])
            .powi(2)
            .clamp(chance, 1.0),
    };
    let mean = mean_over(axes, axes.all() & !fresh, of) / axes.places(fresh);
    if mean.is_finite() { mean } else { 0.0 }
}

/// The profile of a gradient behind a way that treats positions differently, whose mean goes into
/// the kernel.
fn weighted(gradient: &Gradient, node: &Node, link: &Link, kernel: &mut [f64]) -> Option<Vec<f64>> {
    let own = gradient.profile.as_ref();
    if let Some(rows) = &link.rows {
        return Some(spread_over(rows, own, kernel));
    }
    let Some(weights) = &link.weights else {
        // Sums over positions mix them.
        return own.filter(|_| !node.mixes).cloned();
    };
    let even = vec![1.0; weights.len()];
    let own = own
        .filter(|own| own.len() == weights.len())
        .unwrap_or(&even);
    let products: Vec<f64> = own.iter().zip(weights.iter()).map(|(g, w)| g * w).collect();
    let mean = products.iter().sum::<f64>() / products.len().max(1) as f64;
    kernel.iter_mut().for_each(|k| *k *= mean);
    Some(products.iter().map(|product| product / mean).collect())
}

/// The profile of a gradient that rows of attention bring back to the places that they see.
fn spread_over(rows: &[Row], own: Option<&Vec<f64>>, kernel: &mut [f64]) -> Vec<f64> {
    let own = own.filter(|own| own.len() == rows.len());
    let at = |i: usize| own.map_or(1.0, |own| own[i]);
    let even: f64 = rows.iter().map(|row| row.share).sum();
    let brought = |(i, row): (usize, &Row)| row.share * at(i);
    let all: f64 = rows.iter().enumerate().map(brought).sum();
    kernel.iter_mut().for_each(|k| *k *= all / even);
    let place = |j: usize| {
        let seen = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.sees > j as f64);
        seen.map(|(i, row)| brought((i, row)) / row.sees)
            .sum::<f64>()
            * rows.len() as f64
            / all
    };
    (0..rows.len()).map(place).collect()
}

/// The profile of a sum of two gradients with these mean squares.
fn joined(a: (Option<Vec<f64>>, f64), b: (Option<Vec<f64>>, f64)) -> Option<Vec<f64>> {
    let len = a.0.as_ref().or(b.0.as_ref())?.len();
    let total = a.1 + b.1;
    let at = |(profile, square): &(Option<Vec<f64>>, f64), i: usize| {
        let part = profile.as_ref().and_then(|profile| profile.get(i)).copied();
        square / total * part.unwrap_or(1.0)
    };
    Some((0..len).map(|i| at(&a, i) + at(&b, i)).collect())
}
