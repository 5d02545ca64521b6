//! Kernels of patch embeddings in a different size.

use super::draft::Draft;
use crate::fill::{Filter, Resize};
use crate::layout::Axis;

/// Resizes a kernel by the pseudo-inverse of resizing patches.
pub(super) fn settle(filter: Filter, draft: &mut Draft<'_>) -> Result<(), String> {
    let layout = draft.target.layout.as_ref();
    let axes = layout
        .ok_or("it is not known which of its axes are the kernel's")?
        .axes();
    let kernel: Vec<usize> = (0..axes.len())
        .filter(|&axis| axes[axis] == Axis::Kernel && draft.differs(axis))
        .collect();
    let mut has_grown = true;
    for &axis in &kernel {
        let (from, to) = draft.sizes(axis);
        has_grown &= to >= from;
        let resize = Resize {
            before: 0,
            from: vec![from],
            to: vec![to],
            after: 0,
            filter,
            inverse: true,
        };
        draft.resize(axis, resize)?;
    }
    if !kernel.is_empty() {
        let kept = match has_grown {
            true => "the response to enlarged patches stays",
            false => "the response to reduced patches is nearest in least squares",
        };
        draft.note(format!("kernel resized by the pseudo-inverse: {kept}"));
    }
    Ok(())
}
