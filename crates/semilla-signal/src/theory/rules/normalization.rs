//! Normalizations: elements that are brought to mean 0 and mean square 1 together.

use super::super::axes::{Axes, Mask};
use super::super::node::{Joined, SignalId};
use super::super::state::{Gap, Known, Step, Theory};
use super::super::weights::WeightMoments;
use super::arithmetic::{add_weight, affine, mul_weight, number, of_channels, view};
use super::centre::centre;
use super::scaled::scaled;
use super::shape::joined;

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
            Some(Known::Constant(array)) if number(&Known::Constant(array.clone())).is_none() => {
                let shape = aligned(array.shape(), channels_of);
                let moments = WeightMoments::of_values(array.data());
                match is_scale {
                    true => mul_weight(theory, x, &shape, moments)?,
                    false => add_weight(theory, x, &shape, moments)?,
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
