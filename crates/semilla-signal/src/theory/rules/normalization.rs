//! Normalizations: elements that are brought to mean 0 and mean square 1 together.

use std::rc::Rc;

use super::super::axes::{Axes, Mask, averaged};
use super::super::edges::EdgeWay;
use super::super::node::{Joined, Link, Node, Origin, SignalId, cosines};
use super::super::signal::Signal;
use super::super::state::{Gap, Known, Step, Theory};
use super::arithmetic::{add_weight, affine, mul_weight, number, of_channels, view};
use super::centre::centre;
use super::shape::joined;

/// Lengths of units that stray by more are beyond this expansion.
const MOST_STRAY: f64 = 0.5;

/// A signal divided by the root of the mean square over some atoms, plus ε.
fn scaled(theory: &mut Theory, x: SignalId, over: Mask, epsilon: f64) -> Result<SignalId, Gap> {
    let from = &theory.nodes[x];
    let square = from.signal.square();
    if square + epsilon <= 0.0 {
        return Gap::new("it divides 0 by 0");
    }
    let factor = 1.0 / (square + epsilon);
    let mut kernel: Vec<f64> = from.signal.kernel.iter().map(|k| k * factor).collect();
    if over & from.units == 0 {
        by_own_lengths(&mut kernel, &from.signal.axes, over);
    }
    let signal = Signal {
        axes: from.signal.axes.clone(),
        mean: from.signal.mean * factor.sqrt(),
        kernel,
    };
    // What is normalized has lost its own fluctuation, and the way back follows it.
    let keeps = epsilon * factor;
    let (axes, kernel) = (signal.axes.clone(), signal.kernel.clone());
    let axes_of_x = axes.clone();
    // Each unit is divided by its own length, and lengths stray: the mean of 1/x is above 1 over
    // that of x.
    let slope = match over & from.units {
        0 => {
            let strays = 2.0 * cosines(&kernel, &axes, axes.all() & !over, from.alike);
            let known = if strays.is_finite() { strays } else { 0.0 };
            factor / (1.0 - known).max(MOST_STRAY)
        }
        _ => factor,
    };
    // What gradients have in common with the signal, all that is normalized together, goes.
    let kernel: Rc<[f64]> = kernel.into();
    let of_kernel = Rc::clone(&kernel);
    let pulled = move |gradient: &[f64], products: &[f64]| -> Vec<f64> {
        let along = averaged(products, &axes, over);
        let rest = gradient.iter().zip(&along).zip(&*of_kernel);
        rest.map(|((g, along), k)| {
            let along = if along.is_nan() { 0.0 } else { along * k };
            slope * (g - along)
        })
        .collect()
    };
    let pulled = Rc::new(pulled);
    let with = Rc::clone(&pulled);
    let back = move |gradient: &[f64]| {
        let products: Vec<f64> = gradient.iter().zip(&*kernel).map(|(g, k)| g * k).collect();
        with(gradient, &products)
    };
    let mut node = Node::normal(signal, from.units, Origin::Affine(x, factor.sqrt(), 0.0));
    (node.fourth, node.alike) = (from.fourth, from.alike);
    node.is_normalized = true;
    node.sooner.clone_from(&from.sooner);
    let (norm, apart) = (from.norm, from.apart);
    node.norm = theory.noises.add(&[(norm, keeps)], 0.0);
    node.apart = theory.noises.add(&[(apart, 1.0), (norm, keeps - 1.0)], 0.0);
    // Each position is divided by its own length; those of a batch by one.
    let weights = from.profile.as_ref().map(|profile| {
        profile
            .iter()
            .map(|part| (square + epsilon) / (part * square + epsilon))
            .collect()
    });
    // What places are divided by is known as roughly as they are.
    if weights.is_some() {
        node.own_rough = from.rough;
    }
    // Each place of an image is divided by its own length, unless all are by one.
    let uneven = (0..axes_of_x.rank()).filter(|&axis| from.edges.is_uneven(axis));
    let edges = match over & axes_of_x.masks(uneven) {
        0 => EdgeWay::Divided(from.edges.clone()),
        _ => {
            node.edges = from.edges.clone();
            EdgeWay::Same
        }
    };
    node.links.push(Link {
        shares: vec![(norm, keeps - 1.0)],
        edges,
        weights,
        pulled: Some(Box::new(move |g: &[f64], pull: &[f64]| pulled(g, pull))),
        ..Link::even(x, back)
    });
    Ok(theory.push(node))
}

/// The kernel of units each of which is divided by its own length, from that over the mean square of
/// all. What is common to many places is greatest in units that are long: the second order of
/// `E x x' / v` in the length v, the mean of squares that go together as the kernel says.
fn by_own_lengths(kernel: &mut [f64], axes: &Axes, over: Mask) {
    let places = axes.places(over);
    let products = squared_along(kernel, axes, over);
    let strays = 2.0 * products[0] / places;
    if !strays.is_finite() || strays <= 0.0 {
        return;
    }
    let part = (MOST_STRAY / strays).min(1.0);
    for (mask, k) in kernel.iter_mut().enumerate() {
        if mask & !over == 0 {
            *k += part * (strays * *k - 2.0 * products[mask] / places);
        }
    }
}

/// A kernel as a matrix between places along some atoms, times itself.
fn squared_along(kernel: &[f64], axes: &Axes, over: Mask) -> Vec<f64> {
    let mut found = kernel.to_vec();
    let atoms = || {
        axes.atoms()
            .enumerate()
            .filter(|(atom, _)| over >> atom & 1 == 1)
    };
    // What is the same in all places of an atom, and what is not.
    for (atom, size) in atoms() {
        let bit = 1 << atom;
        for mask in (0..found.len()).filter(|mask| mask & bit == 0) {
            let (same, apart) = (found[mask], found[mask | bit]);
            found[mask] = same + (size as f64 - 1.0) * apart;
            found[mask | bit] = same - apart;
        }
    }
    found.iter_mut().for_each(|k| *k *= *k);
    for (atom, size) in atoms() {
        let bit = 1 << atom;
        for mask in (0..found.len()).filter(|mask| mask & bit == 0) {
            let apart = (found[mask] - found[mask | bit]) / size as f64;
            found[mask] = found[mask | bit] + apart;
            found[mask | bit] = apart;
        }
    }
    found
}

fn normalized(
    theory: &mut Theory,
    x: SignalId,
    over: Mask,
    is_centred: bool,
    epsilon: f64,
) -> Result<SignalId, Gap> {
    if over == 0 && is_centred {
        return Gap::new("it normalizes single elements");
    }
    let x = if is_centred {
        centre(theory, x, over)
    } else {
        x
    };
    scaled(theory, x, over, epsilon)
}

/// `LayerNormalization`, `RMSNormalization` and their relatives.
pub(super) fn rows(theory: &mut Theory, step: &Step<'_>, is_centred: bool) -> Result<Known, Gap> {
    let x = step.signal(0)?;
    let axes = &theory.signal(x).axes;
    let axis = step.axis(step.int("axis", -1), axes.rank())?;
    let over = axes.masks(axis..axes.rank());
    let made = normalized(theory, x, over, is_centred, step.float("epsilon", 1e-5))?;
    with_parameters(theory, made, step, None)
}

/// `BatchNormalization` by the batch's own statistics, `InstanceNormalization` and
/// `GroupNormalization`.
pub(super) fn channels(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let x = step.signal(0)?;
    let axes = theory.signal(x).axes.clone();
    let rank = axes.rank();
    if rank < 2 {
        return Gap::new("it takes samples and channels");
    }
    let epsilon = step.float("epsilon", 1e-5);
    let made = match &*step.node.operator {
        "BatchNormalization" => each_channel(theory, x, 0, epsilon)?,
        "InstanceNormalization" => each_channel(theory, x, 2, epsilon)?,
        _ => {
            let groups = usize::try_from(step.int("num_groups", 1)).unwrap_or(0);
            grouped(theory, x, &axes, groups, epsilon)?
        }
    };
    with_parameters(theory, made, step, Some(rank))
}

/// Each channel by itself, over the axes but that of channels from `first` on. Channels that were
/// joined from several signals have lengths of several sizes: each signal is normalized alone.
fn each_channel(
    theory: &mut Theory,
    x: SignalId,
    first: usize,
    epsilon: f64,
) -> Result<SignalId, Gap> {
    match theory.nodes[x].joined.clone() {
        Some(Joined {
            axis: 1,
            parts,
            sizes,
        }) => {
            let each = |&part: &SignalId| each_channel(theory, part, first, epsilon);
            let parts = parts.iter().map(each).collect::<Result<Vec<_>, Gap>>()?;
            joined(theory, &parts, 1, &sizes)
        }
        _ => {
            let axes = &theory.signal(x).axes;
            let over = axes.masks((first..axes.rank()).filter(|&axis| axis != 1));
            normalized(theory, x, over, true, epsilon)
        }
    }
}

fn grouped(
    theory: &mut Theory,
    x: SignalId,
    axes: &Axes,
    groups: usize,
    epsilon: f64,
) -> Result<SignalId, Gap> {
    let fits = groups > 0 && axes.size(1).is_multiple_of(groups);
    let mut shape = axes.shape();
    let whole = shape.clone();
    if fits {
        shape.splice(1..=1, [groups, axes.size(1) / groups]);
    }
    let cut = axes.reshaped(&shape).filter(|_| fits);
    let (cut, sources) = cut.ok_or_else(|| Gap("its groups do not fit".to_owned()))?;
    let over = cut.masks(2..cut.rank());
    let x = view(theory, x, cut, &sources);
    let made = normalized(theory, x, over, true, epsilon)?;
    let back = theory.signal(made).axes.reshaped(&whole);
    let (axes, sources) = back.ok_or_else(|| Gap("its groups do not fit".to_owned()))?;
    Ok(view(theory, made, axes, &sources))
}

/// The shape of a parameter of the last axes, or of channels.
fn aligned(shape: &[usize], channels_of: Option<usize>) -> Vec<usize> {
    match channels_of {
        None => shape.to_vec(),
        Some(rank) => of_channels(shape, rank),
    }
}

/// The scale and the shift of what was normalized.
fn with_parameters(
    theory: &mut Theory,
    mut x: SignalId,
    step: &Step<'_>,
    channels_of: Option<usize>,
) -> Result<Known, Gap> {
    for (place, name) in [(1, "scale"), (2, "shift")] {
        let is_scale = place == 1;
        x = match step.input(place) {
            None => x,
            Some(Known::Weight(weight)) => {
                let shape = aligned(&weight.shape, channels_of);
                match is_scale {
                    true => mul_weight(theory, x, &shape, weight.moments)?,
                    false => add_weight(theory, x, &shape, weight.moments)?,
                }
            }
            Some(known) => match (number(known), is_scale) {
                (Some(number), true) => affine(theory, x, number, 0.0),
                (Some(number), false) => affine(theory, x, 1.0, number),
                (None, _) => return Gap::new(format!("its {name} is no weight")),
            },
        };
    }
    Ok(Known::Signal(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight samples of four places, 0.6 alike: of 40,000 units of normal numbers, less their mean
    /// and divided by their lengths, places have a correlation of 0.517, samples one of -0.091. The
    /// kernel over the mean square has 0.562 and -0.096.
    #[test]
    fn long_units_have_more_in_common() {
        let axes = Axes::of(&[8, 4]).unwrap();
        let kernel = [1.0, 0.0, 0.6, 0.0];
        let mean = averaged(&kernel, &axes, 3)[0];
        let mut centred = kernel.map(|k| (k - mean) / (1.0 - mean));
        assert!((centred[2] - 0.562).abs() < 1e-3, "{centred:?}");
        by_own_lengths(&mut centred, &axes, 3);
        let near = |got: f64, want: f64| assert!((got - want).abs() < 5e-3, "{got} {want}");
        near(centred[0], 1.0);
        near(centred[2], 0.517);
        near(centred[1], -0.091);
        near(centred[3], -0.091);
    }
}
