//! Images whose places come in blocks: behind a transposed convolution of stride s those that are s
//! apart were made by the same weights, the others by others.

use super::super::axes::{Axes, Mask, gathered, viewed};
use super::super::edges::EdgeWay;
use super::super::node::{Pull, SignalId};
use super::super::state::{Gap, Theory};
use super::arithmetic::view;

/// A kernel this near to another, as a part of the second moment, is the same.
const SAME: f64 = 1e-9;

/// A signal with one atom along each axis behind the channels.
pub(super) fn flat(theory: &mut Theory, x: SignalId) -> Result<SignalId, Gap> {
    with_parts(theory, x, |_| 1)
}

/// A signal with at most two atoms along each axis behind the channels: blocks, and the places in
/// them, where these differ.
pub(super) fn in_blocks(theory: &mut Theory, x: SignalId) -> Result<SignalId, Gap> {
    let signal = theory.signal(x).clone();
    let parts = move |axis: usize| {
        let [.., _] = *signal.axes.axis(axis) else {
            return 1;
        };
        let all = signal.axes.mask(axis);
        let place: Mask = 1 << (Mask::BITS - 1 - all.leading_zeros());
        let blocks = all & !place;
        let apart = |mask: Mask| signal.kernel[mask | blocks] - signal.kernel[mask | all];
        let differs = |mask: Mask| apart(mask).abs() > SAME * signal.square();
        let mut others = (0..signal.kernel.len()).filter(|mask| mask & all == 0);
        1 + usize::from(others.any(differs))
    };
    with_parts(theory, x, parts)
}

/// A signal with at most so many atoms along each axis behind the channels: the outer ones become
/// one.
fn with_parts(
    theory: &mut Theory,
    x: SignalId,
    most: impl Fn(usize) -> usize,
) -> Result<SignalId, Gap> {
    let old = theory.signal(x).axes.clone();
    let too_many = |axis: usize| old.axis(axis).len().saturating_sub(most(axis));
    let joined: Vec<usize> = (0..old.rank())
        .map(|axis| if axis < 2 { 0 } else { too_many(axis) })
        .collect();
    if joined.iter().all(|&count| count == 0) {
        return Ok(x);
    }
    let (mut made, mut into, mut count) = (Vec::new(), Vec::new(), 0);
    for (axis, &more) in joined.iter().enumerate() {
        let atoms = old.axis(axis);
        let mut own = atoms.to_vec();
        if !atoms.is_empty() {
            own.splice(..=more, [atoms[..=more].iter().product()]);
        }
        into.extend((0..atoms.len()).map(|atom| Some(count + atom.saturating_sub(more))));
        count += own.len();
        made.push(own);
    }
    let made = Axes::new(made).ok_or_else(|| Gap("it has too many axes".to_owned()))?;
    let kernel = gathered(&theory.signal(x).kernel, &old, &into, count);
    let first = |new: usize| into.iter().position(|atom| *atom == Some(new));
    let sources: Vec<Option<usize>> = (0..count).map(first).collect();
    let edges = theory.nodes[x].edges.clone();
    let id = view(theory, x, made, &sources);
    let node = &mut theory.nodes[id];
    (node.signal.kernel, node.edges) = (kernel, edges);
    let link = &mut node.links[0];
    link.edges = EdgeWay::Same;
    link.pull = Pull::Moved(into.clone().into());
    link.back = Box::new(move |gradient| viewed(gradient, &into));
    Ok(id)
}

/// A signal cut as another one is, along all axes but one; itself where no cut is common.
pub(super) fn cut_as(theory: &mut Theory, x: SignalId, other: &Axes, but: usize) -> SignalId {
    let old = theory.signal(x).axes.clone();
    let Some((made, sources)) = old.cut_as(other, but).filter(|(made, _)| *made != old) else {
        return x;
    };
    let edges = theory.nodes[x].edges.clone();
    let id = view(theory, x, made.clone(), &sources);
    let node = &mut theory.nodes[id];
    node.edges = edges;
    let link = &mut node.links[0];
    link.edges = EdgeWay::Same;
    let count = old.count();
    link.back = Box::new(move |gradient| gathered(gradient, &made, &sources, count));
    id
}
