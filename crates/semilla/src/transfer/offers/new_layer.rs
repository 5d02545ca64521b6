//! Tensors of layers that the checkpoint does not have.

use super::give::{Giver, adapt_error};
use crate::fill::Fill;
use crate::layout::{Axis, Layout};
use crate::model::{Role, Tensor};
use crate::transfer::depth::NewLayers;
use crate::transfer::given::Given;
use crate::transfer::provenance::Provenance;
use crate::transfer::unmet::Unmet;

impl Giver<'_> {
    /// A tensor of a new layer: zero or an identity where that keeps the function, else a copy.
    pub(super) fn new_layer(
        &self,
        target: &Tensor,
        layers: NewLayers,
        source: usize,
        ends_branch: bool,
    ) -> Result<Given, Unmet> {
        match layers {
            NewLayers::Zero if ends_branch => {
                let note = "zero: the new layer's branch adds nothing at first (the function \
                            changes where a norm follows the sum)";
                Ok(Provenance::of("depth", note).given(Fill::Constant { value: 0.0 }))
            }
            NewLayers::Identity => match identity(target)? {
                Some(fill) => {
                    let note = "identity: the new layer passes its input on unchanged";
                    Ok(Provenance::of("depth", note).given(fill))
                }
                None => self.single(target, source),
            },
            NewLayers::Zero | NewLayers::Copy => self.single(target, source),
        }
    }
}

/// The fill that makes a layer an identity; `None` for tensors that it does not depend on.
fn identity(target: &Tensor) -> Result<Option<Fill>, Unmet> {
    let is_square = |shape: &[usize]| matches!(shape, [rows, columns] if rows == columns);
    let fill = match target.role {
        Role::Bias | Role::NormBias | Role::RunningMean => Fill::Constant { value: 0.0 },
        Role::NormWeight | Role::RunningVar => Fill::Constant { value: 1.0 },
        role if role.is_matrix() && is_square(&target.shape) => Fill::Eye { gain: 1.0 },
        Role::Conv | Role::ResidualOut if has_equal_widths(target) => {
            let layout = target.layout.clone().unwrap_or_else(|| Layout::conv(2));
            Fill::Dirac { groups: 1, layout }
        }
        role if role.is_matrix() => {
            let problem =
                "depth's identity needs as many outputs as inputs; copy the layer instead";
            return Err(adapt_error(target, problem));
        }
        _ => return Ok(None),
    };
    Ok(Some(fill))
}

/// Whether a convolution has as many outputs as inputs.
fn has_equal_widths(tensor: &Tensor) -> bool {
    let layout = tensor.layout.as_ref();
    let size = |kind| layout.map(|layout| layout.size(kind, &tensor.shape));
    size(Axis::Out) == size(Axis::In)
}
