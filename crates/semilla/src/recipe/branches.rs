//! How `auto` ends the branches of residual networks without normalizations.

use std::borrow::Cow;
use std::collections::HashMap;

use super::decision::Choice;
use crate::init::{Mode, Shape, VarianceScaling};
use crate::model::{Model, Role, Tensor};

/// The last convolutions of the branches, where nothing else holds their sum in scale: with He's
/// variance the sum doubles at every branch (Zhang, Dauphin & Ma, *Fixup Initialization*, ICLR
/// 2019, section 2). Layers that end the branches of transformers are scaled so wherever they are.
pub(super) fn branches<'m>(model: &'m Model, starts: &mut HashMap<&'m str, Choice>) {
    let holds_in_scale = |tensor: &Tensor| {
        matches!(
            tensor.role,
            Role::NormWeight
                | Role::LastNormWeight
                | Role::OffsetNormWeight
                | Role::WeightGain
                | Role::BranchScale
        )
    };
    let is_end = |tensor: &&Tensor| tensor.role == Role::ResidualOut && tensor.shape.len() > 2;
    let mut ends = model.tensors.iter().filter(is_end).peekable();
    if ends.peek().is_none() || model.tensors.iter().any(holds_in_scale) {
        return;
    }
    for end in ends {
        let Some(branches) = end.branches.filter(|&count| count > 0) else {
            continue;
        };
        let scaled = VarianceScaling {
            scale: (1.0 / f64::from(branches)).into(),
            mode: Mode::FanIn,
            distribution: Shape::Normal,
            activation: None,
        };
        let reason = format!(
            "ends one of {branches} residual branches, and no normalization holds their sum in \
             scale: variance 1/{branches}, so that it grows by e at most"
        );
        starts.insert(&end.name, (scaled.into(), Cow::from(reason)));
    }
}
