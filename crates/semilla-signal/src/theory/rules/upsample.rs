//! Larger images: each place repeated, and channels that become places.

use super::super::node::SignalId;
use super::super::state::{Gap, Known, Step, Theory};
use super::arithmetic::view;
use super::shape::repeat_each;

/// `Resize` and `Upsample`, each place so many times.
pub(super) fn resize(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let mut x = step.signal(0)?;
    let align = step.node.text("coordinate_transformation_mode");
    if step.node.text("mode").unwrap_or("nearest") != "nearest"
        || matches!(align, Some("align_corners" | "tf_crop_and_resize"))
    {
        return Gap::new("it makes new places of several");
    }
    for (axis, times) in repeats(theory, step, x)?.into_iter().enumerate() {
        if times > 1 {
            x = repeat_each(theory, x, axis, times)?;
        }
    }
    Ok(Known::Signal(x))
}

/// How often each place is there, along each axis.
fn repeats(theory: &Theory, step: &Step<'_>, x: SignalId) -> Result<Vec<usize>, Gap> {
    let shape = theory.signal(x).axes.shape();
    let unknown = || Gap("its scales are not whole numbers that are known".to_owned());
    let sizes = step.inputs.iter().flatten().find_map(|known| match known {
        Known::Whole(sizes) => Some(sizes.data().iter().map(|&size| size as f64).collect()),
        _ => None,
    });
    let scales = step.inputs.iter().flatten().find_map(|known| match known {
        Known::Constant(scales) if scales.data().len() == shape.len() => Some(
            (scales.data().iter().zip(&shape))
                .map(|(&scale, &size)| f64::from(scale) * size as f64)
                .collect(),
        ),
        _ => None,
    });
    let sizes: Vec<f64> = sizes.or(scales).ok_or_else(unknown)?;
    if sizes.len() != shape.len() {
        return Err(unknown());
    }
    let times = |(to, &from): (&f64, &usize)| {
        let times = to / from as f64;
        (times >= 1.0 && times.fract() == 0.0).then_some(times as usize)
    };
    (sizes.iter().zip(&shape).map(times))
        .collect::<Option<_>>()
        .ok_or_else(unknown)
}

/// `DepthToSpace`: blocks of places that other channels were.
pub(super) fn depth_to_space(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let x = step.signal(0)?;
    let shape = theory.signal(x).axes.shape();
    let side = usize::try_from(step.int("blocksize", 0)).unwrap_or(0);
    let &[samples, channels, height, width] = &*shape else {
        return Gap::new("it is no image");
    };
    if side == 0 || !channels.is_multiple_of(side * side) {
        return Gap::new("its channels do not fit");
    }
    let made = channels / (side * side);
    let (cut, order) = match step.node.text("mode") {
        Some("CRD") => (
            [samples, made, side, side, height, width],
            [0, 1, 4, 2, 5, 3],
        ),
        _ => (
            [samples, side, side, made, height, width],
            [0, 3, 4, 1, 5, 2],
        ),
    };
    let wrong = || Gap("its axes are joined otherwise".to_owned());
    let (axes, sources) = (theory.signal(x).axes.reshaped(&cut)).ok_or_else(wrong)?;
    let x = view(theory, x, axes, &sources);
    let (axes, sources) = theory.signal(x).axes.transposed(&order);
    let x = view(theory, x, axes, &sources);
    let whole = [samples, made, height * side, width * side];
    let (axes, sources) = (theory.signal(x).axes.reshaped(&whole)).ok_or_else(wrong)?;
    Ok(Known::Signal(view(theory, x, axes, &sources)))
}
