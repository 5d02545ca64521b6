//! Gradients on their way back over the signals that were found.

use super::edges::Edges;
use super::interpret::Followed;
use super::node::{Link, Node, Row, SignalId};
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
    pub(super) rough: f64,
    /// What came by each way: its fluctuation and its mean square.
    ways: Vec<(NoiseId, f64, f64)>,
    /// The part of the kernel that counts as it is for an earlier signal.
    aimed: Option<(SignalId, Vec<f64>)>,
}

/// What is known of a gradient beside its kernel: how places differ, and how roughly.
#[derive(Default)]
struct Places {
    profile: Option<Vec<f64>>,
    edges: Edges,
    rough: f64,
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
    found[output] = Some(Gradient {
        kernel,
        alike: 1.0 / axes.places(units),
        noise: Noises::NONE,
        profile: None,
        edges: Edges::default(),
        rough: 0.0,
        ways: Vec::new(),
        aimed: None,
    });
    let leaks: Vec<SignalId> = followed.leaks.iter().copied().collect();
    for id in leaks {
        let count = followed.theory.signal(id).kernel.len();
        arrived(
            &mut found[id],
            vec![f64::NAN; count],
            0.0,
            Noises::NONE,
            Places::default(),
        );
    }
    for id in (0..count).rev() {
        let Some(mut gradient) = found[id].take() else {
            continue;
        };
        settle(&mut gradient, &mut followed.theory.noises);
        let node = &followed.theory.nodes[id];
        for link in &node.links {
            let (mut kernel, aimed) = brought(&gradient, node, link);
            let axes = &followed.theory.nodes[link.to].signal.axes;
            let (edges, factor) = link.edges.back(&gradient.edges, axes);
            kernel.iter_mut().for_each(|k| *k *= factor);
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
            let rough = gradient.rough.max(node.own_rough);
            let places = Places {
                profile,
                edges,
                rough,
            };
            arrived(&mut found[link.to], kernel, alike, noise, places);
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
    let alike = gradient.alike.max(1.0 / node.width());
    node.cosines(&gradient.kernel, alike)
}

/// What a way brings, and the part of it that counts as it is for a signal, and for which.
fn brought(
    gradient: &Gradient,
    node: &Node,
    link: &Link,
) -> (Vec<f64>, Option<(SignalId, Vec<f64>)>) {
    let own = gradient.aimed.as_ref();
    let is_there = |root: SignalId| link.to == root || link.aims == Some(root);
    let kernel = match own {
        // What has the function's slopes in it gets no others.
        Some((root, own)) if is_there(*root) => {
            plus((link.back)(&minus(&gradient.kernel, own)), own)
        }
        _ => (link.back)(&gradient.kernel),
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

/// Adds what comes by one more way.
fn arrived(
    place: &mut Option<Gradient>,
    kernel: Vec<f64>,
    alike: f64,
    noise: NoiseId,
    places: Places,
) {
    let Places {
        profile,
        edges,
        rough,
    } = places;
    let way = (noise, kernel[0], alike);
    match place {
        None => {
            *place = Some(Gradient {
                kernel,
                alike,
                noise,
                profile,
                edges,
                rough,
                ways: vec![way],
                aimed: None,
            });
        }
        Some(sum) => {
            let total = sum.kernel[0] + kernel[0];
            if total > 0.0 {
                let parts = [sum.kernel[0] / total, kernel[0] / total];
                sum.rough = parts[0] * sum.rough + parts[1] * rough;
                sum.edges = Edges::mixed([(&sum.edges, parts[0]), (&edges, parts[1])]);
            }
            sum.profile = joined((sum.profile.take(), sum.kernel[0]), (profile, kernel[0]));
            for (sum, term) in sum.kernel.iter_mut().zip(&kernel) {
                *sum += term;
            }
            sum.ways.push(way);
        }
    }
}

/// The fluctuation of a sum of ways that go apart.
fn settle(gradient: &mut Gradient, noises: &mut Noises) {
    if gradient.ways.len() < 2 {
        return;
    }
    let total: f64 = gradient.ways.iter().map(|way| way.1).sum();
    if total.is_nan() || total <= 0.0 {
        return;
    }
    let shares = gradient.ways.iter().map(|way| (way.0, way.1 / total));
    let shares: Vec<(NoiseId, f64)> = shares.collect();
    gradient.alike = gradient
        .ways
        .iter()
        .map(|way| way.2 * (way.1 / total).powi(2))
        .sum();
    gradient.noise = noises.add(&shares, 0.0);
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
