//! Convolutions: sums over windows with the same weights everywhere.

use std::rc::Rc;

use super::super::axes::Axes;
use super::super::edges::Windows;
use super::super::state::{Gap, Known, Step, Theory};
use super::super::weights::WeightMoments;
use super::arithmetic::{add_weight, of_channels};
use super::geometry::{Geometry, Spread};
use super::image::{flat, in_blocks};
use super::linear::{Linear, Units, in_halves};

/// `Conv`.
pub(super) fn convolution(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let x = in_blocks(theory, step.signal(0)?)?;
    let Some(Known::Weight(weight)) = step.input(1) else {
        return Gap::new("its kernel depends on the data");
    };
    let weight = weight.clone();
    let pattern = weight.moments.pattern;
    let is_paired = pattern.is_mirrored(1);
    let groups = usize::try_from(step.int("group", 1)).unwrap_or(0).max(1);
    if is_paired && groups > 1 {
        return Gap::new("it takes pairs of units in groups");
    }
    let x = if is_paired {
        in_halves(theory, x, 1)?
    } else {
        x
    };
    let kernel: Vec<i64> = weight
        .shape
        .iter()
        .skip(2)
        .map(|&size| size as i64)
        .collect();
    let geometry = Geometry::of(step, &theory.signal(x).axes, &kernel)?;
    let x = match geometry.keeps_blocks(&theory.signal(x).axes) {
        true => x,
        false => flat(theory, x)?,
    };
    let axes = theory.signal(x).axes.clone();
    let (made, given) = (weight.shape[0], weight.shape[1]);
    if given * groups != axes.size(1) || made % groups != 0 {
        return Gap::new("its channels do not fit");
    }
    let units = Units::of(made, pattern.is_mirrored(0))?;
    let (new, mut sources) = geometry.made(&axes, units.atoms.clone())?;
    // The channels are others, even where they are as many.
    let first = axes.axis(0).len();
    sources[first..first + units.atoms.len()].fill(None);
    let (fresh, opposite) = units.masks(first);
    let window: usize = weight.shape[2..].iter().product();
    let overlaps = geometry.overlaps(&new);
    let linear = Linear {
        axes: new,
        sources,
        fresh,
        phases: 0,
        opposite,
        summed: axes.mask(1),
        terms: given as f64 * geometry.terms(),
        overlaps,
        windows: Some(Rc::new(geometry.windows())),
        matrix: (
            units.rows(),
            axes.size(1).max(given * window) as f64 / if is_paired { 2.0 } else { 1.0 },
        ),
    };
    let made = linear.apply(theory, x, weight.moments, (1, 0))?;
    bias(theory, made, step, axes.rank()).map(Known::Signal)
}

fn bias(theory: &mut Theory, x: usize, step: &Step<'_>, rank: usize) -> Result<usize, Gap> {
    match step.input(2) {
        None => Ok(x),
        Some(Known::Weight(bias)) => {
            add_weight(theory, x, &of_channels(&bias.shape, rank), bias.moments)
        }
        Some(Known::Constant(bias)) => {
            let moments = WeightMoments::of_values(bias.data());
            add_weight(theory, x, &of_channels(bias.shape(), rank), moments)
        }
        Some(_) => Gap::new("its bias is no weight"),
    }
}

/// `ConvTranspose`: each output is reached by as many windows as the kernel and its steps allow.
/// Outputs a stride apart come from the same elements of the kernel, those between from others.
pub(super) fn transposed(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let x = flat(theory, step.signal(0)?)?;
    let Some(Known::Weight(weight)) = step.input(1) else {
        return Gap::new("its kernel depends on the data");
    };
    let (weight, axes) = (weight.clone(), theory.signal(x).axes.clone());
    let rank = axes.rank();
    if weight.shape.len() != rank || rank < 3 {
        return Gap::new("its kernel does not fit the image");
    }
    let groups = usize::try_from(step.int("group", 1)).unwrap_or(0).max(1);
    let made = weight.shape[1] * groups;
    let given = weight.shape[0] / groups;
    if weight.shape[0] != axes.size(1) {
        return Gap::new("its channels do not fit");
    }
    let units = if made == 1 { vec![] } else { vec![made] };
    let (mut new, mut sources) = (vec![axes.axis(0).to_vec(), units], Vec::new());
    sources.extend((0..axes.axis(0).len()).map(Some));
    let fresh = if made == 1 { 0 } else { 1 << sources.len() };
    sources.extend((made != 1).then_some(None));
    let (mut terms, mut phases, mut overlaps) = (given as f64, 0, Vec::new());
    let mut windows = vec![Vec::new(); rank - 2];
    for axis in 2..rank {
        let spread = Spread::of(step, axis - 2, axes.size(axis), weight.shape[axis])?;
        terms *= spread.terms;
        let old = axes.mask(axis);
        let blocks = spread.blocks();
        if blocks > 1 {
            overlaps.push((1 << sources.len(), spread.common));
            sources.push((old != 0).then(|| old.trailing_zeros() as usize));
        }
        if spread.phases > 1 {
            phases |= 1 << sources.len();
            sources.push(None);
        }
        let mut atoms = vec![blocks, spread.phases];
        atoms.retain(|&size| size > 1);
        new.push(atoms);
        windows[axis - 2] = spread.windows;
    }
    let linear = Linear {
        axes: Axes::new(new).ok_or_else(|| Gap("it has too many axes".to_owned()))?,
        sources,
        fresh,
        phases,
        opposite: 0,
        summed: axes.mask(1),
        terms,
        overlaps,
        windows: Some(Rc::new(Windows(windows))),
        matrix: (made as f64, axes.size(1) as f64),
    };
    let made = linear.apply(theory, x, weight.independent()?, (0, 1))?;
    bias(theory, made, step, rank).map(Known::Signal)
}
