//! Roles of vectors: normalizations, biases, slopes, scales of branches.
//!
//! A vector is a normalization's only in a normalization's company (a shift or running statistics
//! of its size beside it) or by a name that only normalizations have.

use super::index::All;
use super::reading::{Reading, known};
use super::whole::Whole;
use crate::model::names::{Name, is_in_block, is_number};
use crate::model::role::Role;
use crate::model::tensor::Tensor;

/// Whether the module normalizes: `LayerNorm`, `input_layernorm`, `ln_1`, `bn2`, `norm`.
pub(super) fn is_norm(name: &Name<'_>) -> bool {
    // A list of normalizations is called after its container.
    let module = match is_number(name.module()) {
        true => name.parent().to_ascii_lowercase(),
        false => name.module().to_ascii_lowercase(),
    };
    let numbered = |prefix: &str| {
        module.strip_prefix(prefix).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('_') || rest.bytes().all(|b| b.is_ascii_digit())
        })
    };
    module.contains("norm")
        || numbered("ln")
        || numbered("bn")
        || module.ends_with("_ln")
        || module.ends_with("rms")
        || module.ends_with("_bn")
        // torchvision's shortcut: a convolution, then its normalization.
        || (name.parent() == "downsample" && name.module() == "1")
}

/// Whether the module is ConvNeXt V2's global response normalization, which starts as no change.
/// Its parameters may have leading axes of size 1.
pub(super) fn is_response_norm(name: &Name<'_>) -> bool {
    name.module() == "grn"
}

/// Whether a tensor of several axes is a normalization's over as many: scale and shift have one
/// shape.
pub(super) fn is_wide_norm(name: &Name<'_>, shape: &[usize], all: All<'_>, text: &str) -> bool {
    let others: &[&str] = match name.leaf() {
        "weight" | "scale" | "gamma" => &["bias", "beta"],
        "bias" | "beta" => &["weight", "scale", "gamma"],
        _ => return false,
    };
    shape.len() > 1 && beside(all, text, others, shape)
}

/// Whether the module is a rectifier: `prelu`, `act`, `activation_2`, `p_re_lu`.
pub(super) fn is_rectifier(name: &Name<'_>) -> bool {
    let module = name.module().to_ascii_lowercase();
    let module = module.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    module.ends_with("relu")
        || module.ends_with("p_re_lu")
        || matches!(module, "act" | "activation")
}

pub(super) fn vector(
    name: &Name<'_>,
    shape: &[usize],
    all: All<'_>,
    whole: &Whole<'_>,
    text: &str,
) -> Reading {
    let leaf = name.leaf();
    match leaf {
        "weight" | "scale" | "gamma" | "g" => factor(name, shape, all, whole, text),
        "beta" if is_norm(name) || has_statistics(all, text) => known(Role::NormBias),
        "beta" if beside(all, text, &["gamma"], shape) => known(Role::NormBias),
        _ if leaf.ends_with("bias") || leaf == "b" => {
            // The bias of a one-dimensional weight is a normalization's.
            let stem = text.strip_suffix("bias");
            let is_vector = |tensor: &Tensor| tensor.shape.len() < 2;
            let sibling = stem.and_then(|stem| {
                let of = |leaf: &&str| all.find(&format!("{stem}{leaf}"));
                ["weight", "scale"].iter().find_map(of)
            });
            let is_shift = match sibling {
                Some(weight) => is_vector(weight) || weight.shape == shape,
                None => is_norm(name) || has_statistics(all, text),
            };
            known(match is_shift || is_response_norm(name) {
                true => Role::NormBias,
                false => Role::Bias,
            })
        }
        _ => known(Role::Unknown),
    }
}

/// A vector that multiplies.
fn factor(
    name: &Name<'_>,
    shape: &[usize],
    all: All<'_>,
    whole: &Whole<'_>,
    text: &str,
) -> Reading {
    let has_shift = beside(all, text, &["bias", "beta"], shape);
    if is_response_norm(name) {
        return known(Role::OffsetNormWeight);
    }
    if is_norm(name) {
        return match has_shift {
            true => known(Role::NormWeight),
            false => whole.without_shift(name),
        };
    }
    if has_statistics(all, text) || (has_shift && name.leaf() != "scale") {
        return known(Role::NormWeight);
    }
    if has_shift && shape.iter().any(|&size| size > 1) {
        return (
            Role::NormWeight,
            Some("a shift of its size is beside it, as a normalization has"),
        );
    }
    match name.leaf() {
        "weight" if is_rectifier(name) && shape.len() == 1 && shape[0] == 1 => known(Role::Slope),
        "weight" if is_rectifier(name) => (
            Role::Slope,
            Some("named for an activation: a rectifier's slopes"),
        ),
        "weight" if shape == [1] => (
            Role::Slope,
            Some("one weight without a bias: a rectifier's slope"),
        ),
        "weight" if whole.is_beside_slope(text) => (
            Role::Slope,
            Some("no bias, and a rectifier's slope of one element is in the same container"),
        ),
        "gamma" if is_in_block(name) || name.parts.len() > 2 => (
            Role::BranchScale,
            Some("gamma without beta: the scale of a residual branch"),
        ),
        _ => known(Role::Unknown),
    }
}

/// Whether one of these leaves is beside the tensor, in its shape.
fn beside(all: All<'_>, text: &str, leaves: &[&str], shape: &[usize]) -> bool {
    let same = |leaf: &&str| all.beside(text, leaf).is_some_and(|own| own.shape == shape);
    leaves.iter().any(same)
}

/// Whether a batch normalization's running statistics are beside the tensor.
fn has_statistics(all: All<'_>, text: &str) -> bool {
    let any = |leaf: &&str| all.beside(text, leaf).is_some();
    [
        "running_mean",
        "moving_mean",
        "running_var",
        "moving_variance",
    ]
    .iter()
    .any(any)
}
