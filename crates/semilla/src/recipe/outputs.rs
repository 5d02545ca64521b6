//! How `auto` starts the layers whose outputs are the model's: pictures, quantities, logits that no name tells.

use super::decision::Choice;
use crate::init::{Mode, Shape, VarianceScaling};
use crate::model::{Role, Tensor};

/// The variance of what they make at first.
const SCALE: f64 = 0.01;

/// Why.
pub(super) const REASON: &str =
    "what the model gives away: small, so that its first error is that of giving the mean";

/// Outputs of unit variance would add as much to the error as there is to explain, and the layers before
/// learn at first to take that away. The last layers of detectors (Lin et al., *Focal Loss for Dense Object
/// Detection*, ICCV 2017, section 4.1) and of muP (Yang & Hu, *Feature Learning in Infinite-Width Neural
/// Networks*, 2021) start small as well; small outputs are what lets features be learnt (Chizat, Oyallon &
/// Bach, *On Lazy Training in Differentiable Programming*, 2019).
pub(super) fn output() -> Choice {
    let small = VarianceScaling {
        scale: SCALE.into(),
        mode: Mode::FanIn,
        distribution: Shape::Normal,
        activation: None,
    };
    (small.into(), REASON.into())
}

/// Whether a layer that is not known as a head makes what the model gives away.
pub(super) fn is_given_away(tensor: &Tensor) -> bool {
    let is_layer = matches!(tensor.role, Role::Linear | Role::Conv | Role::ConvTranspose);
    tensor.is_output && is_layer && !tensor.is_direction()
}

/// What the gain of a chain's last layer is multiplied by.
pub(super) fn factor(tensor: &Tensor) -> f64 {
    match is_given_away(tensor) {
        true => SCALE.sqrt(),
        false => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Attribute, Graph, Initializer, Node};
    use crate::model::{Convention, Evidence, graph_facts};
    use crate::{DType, Model, Plan, Recipe};

    /// The plan of linear layers with the activations between them; live modules have a node at the end.
    fn plan(sizes: &[usize], activations: &[&str]) -> Plan {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        let (mut value, mut tensors) = ("x".to_owned(), Vec::new());
        for (place, (pair, activation)) in sizes.windows(2).zip(activations).enumerate() {
            let name = format!("net.{place}.weight");
            let shape = [pair[1], pair[0]];
            main.initializers.push(Initializer {
                tensor: Some(name.clone()),
                ..Initializer::new(&*name, DType::F32, shape)
            });
            let (made, after) = (format!("made {place}"), format!("after {place}"));
            main.nodes.push(
                Node::new("Gemm", &[&value, &name], &[&made]).with("transB", Attribute::Int(1)),
            );
            value = made;
            if !activation.is_empty() {
                main.nodes.push(Node::new(activation, &[&value], &[&after]));
                value = after;
            }
            tensors.push((name, shape.to_vec(), DType::F32));
        }
        main.nodes.push(Node::new("Output", &[&value], &["given"]));
        let mut evidence = Evidence::guessed(Convention::Pytorch);
        for (name, facts) in graph_facts(&graph) {
            evidence.add(name, facts);
        }
        let model = Model::derive(tensors, evidence);
        Recipe::auto().plan(&model, 0).unwrap()
    }

    fn initializers(plan: &Plan) -> Vec<String> {
        let lines = plan.tensors.iter();
        lines.map(|line| line.initializer.to_string()).collect()
    }

    #[test]
    fn what_a_model_gives_away_is_small() {
        let plan = plan(&[8, 16, 4], &["Relu", ""]);
        assert!((plan.tensors[1].gain.unwrap() - 0.1).abs() < 1e-6);
        assert_eq!(plan.tensors[1].reason, super::REASON);
        // The end of a deep chain too.
        let deep = self::plan(&[8, 8, 8, 8, 4], &["Relu", "Relu", "Relu", ""]);
        assert_eq!(
            initializers(&deep)[3],
            "looks_linear(gain=0.1, sides=inputs)"
        );
        let centred = self::plan(&[8, 8, 8, 8, 8], &["Sigmoid", "Sigmoid", "Sigmoid", ""]);
        let last = &initializers(&centred)[3];
        assert!(last.starts_with("centred(of=variance_scaling"), "{last}");
        assert!(
            centred.tensors[3].std.unwrap() < 0.3,
            "{}",
            centred.tensors[3]
        );
    }

    #[test]
    fn other_ends_keep_their_scale() {
        let bounded = plan(&[8, 16, 4], &["Relu", "Tanh"]);
        assert!(bounded.tensors[1].gain.unwrap() > 1.0);
        // A layer by itself is a part of some model.
        let alone = plan(&[8, 4], &[""]);
        assert_ne!(alone.tensors[0].reason, super::REASON);
    }

    #[test]
    fn chains_go_on_through_layers_without_activations() {
        let plan = plan(
            &[8, 8, 8, 2, 8, 8, 4],
            &["Relu", "Relu", "", "Relu", "Relu", ""],
        );
        let expected = [
            "looks_linear(sides=outputs)",
            "looks_linear",
            "looks_linear(sides=inputs)",
            &format!("looks_linear(gain={}, sides=outputs)", 2f64.sqrt()),
            "looks_linear",
            "looks_linear(gain=0.1, sides=inputs)",
        ];
        assert_eq!(initializers(&plan), expected);
        let reason = &plan.tensors[2].reason;
        assert!(reason.contains("no activation behind"), "{reason}");
    }
}
