//! The same elements in the same order, in a different shape.

use super::draft::Draft;
use crate::model::Tensor;

/// The source in the target's shape.
pub(super) fn seen(target: &Tensor, source: &Tensor) -> Result<Option<Tensor>, String> {
    if source.shape == target.shape {
        return Ok(None);
    }
    if source.len() != target.len() {
        return Err("reshape needs as many elements on both sides".to_owned());
    }
    let first = |tensor: &Tensor| tensor.layout.as_ref().map(|l| l.axes()[0]);
    if target.layout.is_some() && first(target) != first(source) {
        return Err("reshape needs the same order of axes on both sides".to_owned());
    }
    Ok(Some(Tensor {
        shape: target.shape.clone(),
        layout: target.layout.clone(),
        ..source.clone()
    }))
}

pub(super) fn settle(draft: &mut Draft<'_>) {
    if draft.source.shape != draft.target.shape {
        draft.note(format!("reshaped from {:?}", draft.source.shape));
    }
}
