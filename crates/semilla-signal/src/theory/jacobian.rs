//! The singular values of a Jacobian: their first moments, by free probability.
//!
//! Random matrices turn what comes after them against what comes before, so that moments of
//! products are made of moments (Pennington, Schoenholz and Ganguli 2017; Voiculescu 1987).

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::node::{Link, Node, Origin, SignalId, Turn};
use super::prediction::Isometry;
use super::whole::Whole;

/// Moments of `J Jᵀ` between the main path's start and a signal, by the trace over the signal's
/// elements.
#[derive(Clone, Copy)]
struct Moments {
    mean: f64,
    /// The second moment over the square of the first.
    ratio: f64,
}

/// The moments of s² along the main path, as [`Jacobian`](crate::Jacobian) measures them.
pub(super) fn isometry(whole: &Whole) -> Option<Isometry> {
    let [first, .., last] = &*whole.path else {
        return None;
    };
    let gradients = whole.gradient(first.id)?.value / whole.gradient(last.id)?.value;
    let [inputs, outputs] = [first.id, last.id].map(|id| whole.per_sample(id));
    // Where there are more outputs than inputs, the others' s is 0 and is not counted.
    let counted = inputs.min(outputs) / outputs;
    let spread = moments(whole, first.id, last.id).map(|moments| moments.ratio * counted - 1.0);
    let mean_square = gradients / counted;
    mean_square.is_finite().then_some(Isometry {
        mean_square,
        spread: spread
            .filter(|spread| spread.is_finite())
            .map(|spread| spread.max(0.0)),
    })
}

fn moments(whole: &Whole, first: SignalId, last: SignalId) -> Option<Moments> {
    let start = Moments {
        mean: 1.0,
        ratio: 1.0,
    };
    // `None` of signals that depend on the start in a way that is not known.
    let mut known: HashMap<SignalId, Option<Moments>, RandomState> =
        HashMap::from_iter([(first, Some(start))]);
    for id in first + 1..=last {
        let node = whole.node(id);
        let ways: Vec<(&Link, Option<Moments>)> = (node.links.iter())
            .filter_map(|link| Some((link, *known.get(&link.to)?)))
            .collect();
        if ways.is_empty() {
            continue;
        }
        let found: Option<Vec<Moments>> = ways
            .iter()
            .map(|(link, from)| turned(whole, id, link, (*from)?))
            .collect();
        let made = found.and_then(|found| match *found {
            [one] => Some(one),
            [stream, _] if node.is_unchanged => Some(stream),
            [a, b] => joined(whole, node, a, b),
            _ => None,
        });
        known.insert(id, made);
    }
    *known.get(&last)?
}

/// Moments behind one more step.
fn turned(whole: &Whole, id: SignalId, link: &Link, from: Moments) -> Option<Moments> {
    let wider = whole.per_sample(id) / whole.per_sample(link.to);
    let mut alone = vec![0.0; whole.node(id).signal.kernel.len()];
    alone[0] = 1.0;
    let mean = from.mean * (link.back)(&alone).first()? / wider;
    let ratio = match link.turn {
        Turn::Unknown => return None,
        Turn::Even if wider == 1.0 => from.ratio,
        Turn::Even => return None,
        Turn::Slopes(own) => from.ratio + own - 1.0,
        Turn::Independent => from.ratio + wider,
        Turn::Orthogonal if wider > 1.0 => from.ratio * wider,
        Turn::Orthogonal => 1.0 + wider * (from.ratio - 1.0),
    };
    Some(Moments { mean, ratio })
}

/// A stream, and a branch from it that ends in random weights: `(1 + F) A (1 + Fᵀ)`, in which only
/// pairs of F and Fᵀ count.
fn joined(whole: &Whole, node: &Node, a: Moments, b: Moments) -> Option<Moments> {
    let Origin::Sum(..) = node.origin else {
        return None;
    };
    let [one, other] = [node.links[0].to, node.links[1].to];
    let (stream, branch) = match one < other {
        true => ((one, a), (other, b)),
        false => ((other, b), (one, a)),
    };
    if !whole.followed.theory.is_fresh(branch.0) || !leads(whole, stream.0, branch.0) {
        return None;
    }
    let (a, b) = (stream.1, branch.1);
    let mean = a.mean + b.mean;
    let squares = [a, b].map(|part| part.ratio * part.mean * part.mean);
    let second =
        squares[0] + squares[1] + 2.0 * a.mean * b.mean + 2.0 * b.mean / a.mean * squares[0];
    Some(Moments {
        mean,
        ratio: second / (mean * mean),
    })
}

/// Whether a later signal depends on an earlier one, and on nothing before that otherwise.
fn leads(whole: &Whole, early: SignalId, late: SignalId) -> bool {
    let mut id = late;
    while id > early {
        match &*whole.node(id).links {
            [only] => id = only.to,
            _ => return false,
        }
    }
    id == early
}
