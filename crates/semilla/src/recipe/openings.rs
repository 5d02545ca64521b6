//! How `auto` starts the layers that open a normalized residual branch.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::decision::Choice;
use crate::activation::Activation;
use crate::init::{Mode, Shape, VarianceScaling};
use crate::model::{Model, Role, Side, Tensor, activated};

/// A third, as the variances of well-known transformers at width 768 (0.02² · 768 is 0.31), and of a
/// Xavier layer that widens fourfold (0.4).
const SCALE: f64 = 1.0 / 3.0;

/// The layers before an activation or a gate in residual blocks that normalize. A normalization gives
/// them their inputs, and the last layer of the branch gives the sum its scale: a gain that keeps the
/// variance in between keeps nothing, and large weights learn slowly.
pub(super) fn openings<'m>(
    model: &'m Model,
    is_drawn: impl Fn(&Tensor) -> bool,
    starts: &mut HashMap<&'m str, Choice>,
) {
    let norms = model.tensors.iter();
    let norms =
        norms.filter(|tensor| matches!(tensor.role, Role::NormWeight | Role::OffsetNormWeight));
    let normalized: HashSet<Block> = norms.filter_map(Block::of).collect();
    let ends: HashSet<&str> = (model.tensors.iter())
        .filter(|tensor| matches!(tensor.role, Role::ResidualOut | Role::MlpOut))
        .map(|tensor| tensor.name.as_str())
        .collect();
    let small = VarianceScaling {
        scale: SCALE.into(),
        mode: Mode::FanIn,
        distribution: Shape::Normal,
        activation: None,
    };
    for tensor in &model.tensors {
        let is_inside = || Block::of(tensor).is_some_and(|block| normalized.contains(&block));
        if opens(tensor, &ends) && is_inside() && is_drawn(tensor) {
            let reason = "it follows a normalization, and the branch's last layer sets its scale: \
                          a third of the variance learns faster";
            starts.insert(&tensor.name, (small.clone().into(), Cow::from(reason)));
        }
    }
}

/// A residual block among those of its stack.
#[derive(PartialEq, Eq, Hash)]
struct Block {
    depth: usize,
    layers: usize,
    side: Option<Side>,
}

impl Block {
    fn of(tensor: &Tensor) -> Option<Self> {
        Some(Self {
            depth: tensor.depth?,
            layers: tensor.layers?,
            side: tensor.side,
        })
    }
}

/// Whether a layer is a feed-forward block's first, or nothing but an activation lies between it and one
/// of those that end branches.
fn opens(tensor: &Tensor, ends: &HashSet<&str>) -> bool {
    let is_first = |role: Role| matches!(role, Role::MlpIn | Role::MlpGate);
    let is_before_end = || {
        let next = tensor.next.as_deref();
        activated(tensor).is_some() && next.is_some_and(|next| ends.contains(next))
    };
    let is_layer = match &tensor.fused {
        Some(fused) => fused.parts.iter().all(|part| is_first(part.role)),
        None => is_first(tensor.role) || (tensor.role == Role::Linear && is_before_end()),
    };
    let is_sine = tensor.activation == Some(Activation::Sin);
    is_layer && !is_sine && !tensor.is_normalized && !tensor.is_direction()
}

#[cfg(test)]
mod tests {
    use crate::model::Spec;
    use crate::network::Network;
    use crate::{Plan, Recipe};

    fn variance_of_inputs(plan: &Plan, name: &str) -> f64 {
        let line = plan.line(name).unwrap();
        line.gain.unwrap().powi(2)
    }

    #[test]
    fn what_opens_a_normalized_branch_is_small() {
        let model = Spec::parse("transformer:2x64:100:gelu").unwrap();
        let plan = Recipe::auto().plan(&model, 0).unwrap();
        let scale = variance_of_inputs(&plan, "blocks.1.mlp.fc1.weight");
        assert!((scale - 1.0 / 3.0).abs() < 1e-6, "{scale}");
        let reason = &plan.line("blocks.1.mlp.fc1.weight").unwrap().reason;
        assert!(reason.contains("follows a normalization"), "{reason}");
    }

    #[test]
    fn gates_are_small_too() {
        let model = Spec::parse("llama:depth=2").unwrap();
        let plan = Recipe::auto().plan(&model, 0).unwrap();
        for name in ["gate_proj", "up_proj"] {
            let scale = variance_of_inputs(&plan, &format!("model.layers.1.mlp.{name}.weight"));
            assert!((scale - 1.0 / 3.0).abs() < 1e-6, "{name}: {scale}");
        }
    }

    #[test]
    fn blocks_without_normalizations_keep_the_gain_of_their_activation() {
        let scale = |first: &str| {
            let text = format!(
                "about = \"blocks\"\n[inputs]\nx = \"numbers(8)\"\n[network]\nlayers = [\
                 {{ repeat = \"3\", name = \"blocks\", layers = [{{ residual = [\
                 \"{first}fc1: linear(8) -> relu -> fc2: linear(8)\"] }}] }}, \"head: linear(4)\"]\n"
            );
            let model = Network::read(&text, "").unwrap().model;
            let plan = Recipe::auto().plan(&model, 0).unwrap();
            variance_of_inputs(&plan, "blocks.1.fc1.weight")
        };
        assert!((scale("norm: layer_norm -> ") - 1.0 / 3.0).abs() < 1e-6);
        assert!((scale("") - 2.0).abs() < 1e-6);
    }
}
