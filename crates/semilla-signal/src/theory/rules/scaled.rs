//! Signals divided by their own lengths.

use std::rc::Rc;

use super::super::axes::{Axes, Mask, averaged};
use super::super::edges::EdgeWay;
use super::super::node::{Link, Node, Origin, Rough, SignalId, cosines};
use super::super::signal::Signal;
use super::super::state::{Gap, Theory};

/// Lengths of units that stray by more are beyond this expansion.
const MOST_STRAY: f64 = 0.5;

/// A signal divided by the root of the mean square over some atoms, plus ε.
pub(super) fn scaled(
    theory: &mut Theory,
    x: SignalId,
    over: Mask,
    epsilon: f64,
) -> Result<SignalId, Gap> {
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
    // that of x. What its weights' lengths add to that, gradients get back from them.
    let slope = match over & from.units {
        0 => {
            let chance = from.seen.map_or(from.alike, |seen| seen.chance);
            let strays = 2.0 * cosines(&kernel, &axes, axes.all() & !over, chance);
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
    // What a place's gradient has in common with the signal depends on how near others are.
    let keeps_places = from.seen.is_some_and(|seen| seen.keeps_places);
    let rough = match over & from.units == 0 && keeps_places {
        true => Rough {
            part: 1.0,
            why: "before a normalization of what mirrored convolutions make, whose places are not alike",
        },
        false => Rough::NONE,
    };
    node.links.push(Link {
        rough,
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
