//! How `auto` starts the words of a decoder.

use std::borrow::Cow;
use std::collections::HashMap;

use super::decision::Choice;
use crate::init::{self, Mode, Shape, VarianceScaling};
use crate::model::{Model, Role, Tensor};

/// The table of words and the head of a decoder whose stream of sums is normalized at its branches
/// only. Beside branches that add up to a variance of 1, rows of 0.02 would be lost; a head that is
/// tied to such rows would need them.
pub(super) fn words<'m>(
    model: &'m Model,
    is_drawn: impl Fn(&Tensor) -> bool,
    starts: &mut HashMap<&'m str, Choice>,
) {
    let (Some(_), Some(width)) = (model.layers, model.width) else {
        return;
    };
    let of_role = |role| {
        model
            .tensors
            .iter()
            .filter(move |tensor| tensor.role == role)
    };
    let is_normalized = of_role(Role::NormWeight).any(|norm| norm.name.contains("emb"));
    let ([table], [head]) = (
        &of_role(Role::Embedding).collect::<Vec<_>>()[..],
        &of_role(Role::Head).collect::<Vec<_>>()[..],
    ) else {
        return;
    };
    let is_vocabulary = table.shape.len() == 2
        && table.shape.contains(&width)
        && (head.shape == table.shape || head.shape.iter().rev().eq(&table.shape));
    if is_normalized || !is_vocabulary || !is_drawn(head) || !is_drawn(table) {
        return;
    }
    let rows = "rows of unit variance, as large as what all branches add; no head is tied to them";
    starts.insert(&table.name, (init::normal().into(), Cow::from(rows)));
    let small = VarianceScaling {
        scale: 0.1.into(),
        mode: Mode::FanIn,
        distribution: Shape::Normal,
        activation: None,
    };
    let logits = "logits of variance 0.1: the first loss is near ln of the number of words";
    starts.insert(&head.name, (small.into(), Cow::from(logits)));
}
