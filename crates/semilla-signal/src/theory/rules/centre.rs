//! Means taken away.

use super::super::axes::{Mask, averaged};
use super::super::node::{Link, Node, Origin, SignalId};
use super::super::signal::Signal;
use super::super::state::Theory;

/// A signal less its mean over some atoms.
pub(super) fn centre(theory: &mut Theory, x: SignalId, over: Mask) -> SignalId {
    let from = &theory.nodes[x];
    let means = from.signal.averaged(over);
    let signal = Signal {
        axes: from.signal.axes.clone(),
        mean: 0.0,
        kernel: from
            .signal
            .kernel
            .iter()
            .zip(&means)
            .map(|(k, m)| k - m)
            .collect(),
    };
    let axes = signal.axes.clone();
    let mut node = Node::normal(
        signal,
        from.units,
        Origin::Affine(x, 1.0, -from.signal.mean),
    );
    (node.fourth, node.alike, node.seen) = (from.fourth, from.alike, from.seen);
    (node.norm, node.apart) = (from.norm, from.apart);
    node.bent = from.bent;
    node.take_places(from);
    let image = from
        .signal
        .axes
        .masks(2.min(from.signal.axes.rank())..from.signal.axes.rank());
    if let (Some(left), true) = (&from.left, over & image != 0) {
        node.edges.clone_from(left);
    }
    node.links.push(Link::plain(x, move |gradient| {
        let means = averaged(gradient, &axes, over);
        gradient.iter().zip(&means).map(|(g, m)| g - m).collect()
    }));
    theory.push(node)
}
