//! Kernels with one more extent, or one less.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::fill::{Along, Run};
use crate::layout::Axis;
use crate::model::Tensor;

/// How a kernel gets one more extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inflate {
    /// The kernel in every slice, divided by their number: keeps the response to a constant clip,
    /// except at padded ends.
    Mean,
    /// The kernel in the middle slice: keeps the response to every frame.
    Center,
}

/// The source with an extent of 1 before its kernel.
pub(super) fn seen_inflated(target: &Tensor, source: &Tensor) -> Result<Option<Tensor>, String> {
    if source.shape.len() + 1 != target.shape.len() {
        return Ok(None);
    }
    let layout = source.layout.as_ref();
    let layout = layout.ok_or("inflate needs a kernel of known layout")?;
    let extent = layout.axis(Axis::Kernel).ok_or("inflate needs a kernel")?;
    let mut shape = source.shape.clone();
    shape.insert(extent, 1);
    Ok(Some(Tensor {
        shape,
        layout: Some(layout.with_kernel_axis(extent)),
        ..source.clone()
    }))
}

/// The source with its kernel's first extent joined to the axis before it.
pub(super) fn seen_deflated(target: &Tensor, source: &Tensor) -> Result<Option<Tensor>, String> {
    if source.shape.len() != target.shape.len() + 1 {
        return Ok(None);
    }
    let extent = first_extent(source)?;
    let mut shape = source.shape.clone();
    let depth = shape.remove(extent);
    shape[extent.saturating_sub(1)] *= depth;
    let layout = source.layout.as_ref();
    Ok(Some(Tensor {
        shape,
        layout: layout.map(|layout| layout.without_axis(extent)),
        ..source.clone()
    }))
}

/// The first kernel axis of a tensor.
fn first_extent(tensor: &Tensor) -> Result<usize, String> {
    let layout = tensor.layout.as_ref();
    let extent = layout.and_then(|layout| layout.axis(Axis::Kernel));
    extent.ok_or_else(|| "deflate needs a kernel of known layout".to_owned())
}

impl Inflate {
    pub(super) fn settle(self, draft: &mut Draft<'_>) -> Result<(), String> {
        if draft.source.shape.len() == draft.target.shape.len() {
            return Ok(());
        }
        let axis = draft.axis(Axis::Kernel).ok_or("inflate needs a kernel")?;
        let depth = draft.target.shape[axis];
        let scale = |to: usize| match self {
            Inflate::Mean => 1.0 / depth as f64,
            Inflate::Center => f64::from(u8::from(to == depth / 2)),
        };
        let runs = (0..depth).map(|to| Run {
            scale: scale(to),
            ..Run::new(0, to, 1)
        });
        draft.settle(axis, Along::Runs(runs.collect()));
        draft.note(match self {
            Inflate::Mean => format!(
                "inflated to {depth} slices of 1/{depth}: the response to constant clips stays, \
                 except at padded ends"
            ),
            Inflate::Center => format!(
                "inflated to {depth} slices, all in the middle one: the response to each frame \
                 stays"
            ),
        });
        Ok(())
    }
}

/// Sums a kernel over its first extent.
pub(super) fn deflate(draft: &mut Draft<'_>) -> Result<(), String> {
    if draft.source.shape.len() == draft.target.shape.len() {
        return Ok(());
    }
    let extent = first_extent(draft.source)?;
    let depth = draft.source.shape[extent];
    let merged = extent.saturating_sub(1);
    let axis = (0..draft.rank()).find(|&axis| draft.load.source_axis(axis) == merged);
    let axis = axis.ok_or("deflate needs the kernel's axes in place")?;
    let size = draft.target.shape[axis];
    if draft.found[axis] != size * depth {
        return Err(format!(
            "axis {axis} differs by more than the extent that is summed"
        ));
    }
    let runs = if extent == 0 {
        (0..depth).map(|d| Run::new(d * size, 0, size)).collect()
    } else {
        let pairs = (0..size).flat_map(|to| (0..depth).map(move |d| (to * depth + d, to)));
        pairs.map(|(from, to)| Run::new(from, to, 1)).collect()
    };
    draft.settle(axis, Along::Runs(runs));
    draft.note(format!(
        "the sum over {depth} slices: the response to constant clips stays"
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::transfer::fixtures::one;

    #[test]
    fn kernels_inflate_and_deflate() {
        let [flat, deep]: [(&str, &[usize]); 2] = [
            ("conv.weight", &[1, 2, 2, 1]),
            ("conv.weight", &[1, 2, 3, 2, 1]),
        ];
        let mean = one(flat, deep, "inflate:mean").unwrap();
        let expected =
            [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0].map(|x| x / 3.0);
        assert!(
            mean.iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-15)
        );
        let center = one(flat, deep, "inflate:center").unwrap();
        assert_eq!(
            center,
            [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 0.0, 0.0]
        );
        let sum = one(deep, flat, "deflate").unwrap();
        assert_eq!(sum, [6.0, 9.0, 24.0, 27.0]);
    }
}
