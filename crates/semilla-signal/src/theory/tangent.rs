//! The tangent kernel by theory.

use super::interpret::Met;
use super::node::{SignalId, Turn};
use super::prediction::Tangent;
use super::whole::Whole;
use crate::measure::MOST_SAMPLES;

/// The tangent kernel of an output, along one direction of it, on the samples of a batch that are
/// alike in pairs: `Θ = Σ (x·x')(g·g')` over all layers (Jacot, Gabriel and Hongler 2018), x being
/// what a layer takes and g the gradient of what it makes. `None` where a layer is not reached, or
/// sums over positions.
pub(super) fn tangent(whole: &Whole) -> Option<Tangent> {
    let output = &whole.node(whole.followed.output?).signal;
    let samples = output.axes.places(output.samples());
    let samples = samples.min(MOST_SAMPLES as f64);
    if samples < 2.0 || !whole.followed.ends.is_empty() || whole.followed.layers.is_empty() {
        return None;
    }
    let (mut own, mut common) = (0.0, 0.0);
    for layer in &whole.followed.layers {
        let part = of_layer(whole, layer)?;
        own += part.own;
        common += part.common;
    }
    let (first, last) = (own + (samples - 1.0) * common, own - common);
    let alike = common / own;
    let rank = samples / (1.0 + (samples - 1.0) * alike * alike);
    (own > 0.0 && rank.is_finite()).then_some(Tangent {
        samples: samples as usize,
        condition: (last > f64::EPSILON * first).then(|| first / last),
        effective_rank: rank,
    })
}

/// What a layer adds to the kernel: of a sample with itself, and with another.
struct Part {
    own: f64,
    common: f64,
}

fn of_layer(whole: &Whole, layer: &Met) -> Option<Part> {
    let product = product(whole, layer.signal)?;
    let taken = whole.node(product).links[0].to;
    let x = &whole.node(taken).signal;
    let is_vector = |id: SignalId| {
        let node = whole.node(id);
        let rest = node.signal.axes.all() & !node.units & !node.signal.samples();
        node.signal.axes.places(rest) == 1.0
    };
    if !is_vector(taken) || !is_vector(layer.signal) {
        return None;
    }
    let gradient = whole.gradient(layer.signal)?.value;
    let in_common = whole.in_common(layer.signal)?;
    // A bias is a weight of a unit that is always 1.
    let bias = f64::from(layer.has_bias);
    let own = whole.per_sample(taken) * x.square() + bias;
    let common = whole.per_sample(taken) * x.across_samples() + bias;
    let found = Part {
        own: gradient * own,
        common: gradient * in_common * common,
    };
    (found.own.is_finite() && found.common.is_finite()).then_some(found)
}

/// The product that a layer begins with: its bias may have been added since.
fn product(whole: &Whole, mut id: SignalId) -> Option<SignalId> {
    loop {
        let [link] = &*whole.node(id).links else {
            return None;
        };
        match link.turn {
            Turn::Independent | Turn::Orthogonal => return Some(id),
            Turn::Even => id = link.to,
            _ => return None,
        }
    }
}
