//! A description's text, and what it stands for.

use super::description::{Description, SpecError};
use super::{graph, tensors};
use crate::graph::Graph;
use crate::model::state_dict::Model;

/// One-line descriptions of models.
pub struct Spec;

impl Spec {
    /// Whether a text is meant as a description: a word and a colon. A file's path may look the
    /// same; look for the file first.
    pub fn looks_like(text: &str) -> bool {
        text.split_once(':').is_some_and(|(kind, _)| {
            kind.len() > 1 && kind.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
    }

    /// Reads a description.
    ///
    /// # Errors
    /// An unknown kind, a missing part, or a size out of bounds.
    ///
    /// ```
    /// use semilla::model::Spec;
    ///
    /// let model = Spec::parse("mlp:784-256-10:relu")?;
    /// assert_eq!(model.tensors[0].name, "layers.0.weight");
    /// assert_eq!(model.tensors[0].shape, [256, 784]);
    /// # Ok::<(), semilla::model::SpecError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Model, SpecError> {
        Ok(tensors::model(&Description::read(text)?))
    }

    /// The computation that a description stands for: its initializers are the tensors that
    /// [`Spec::parse`] lists, under the same names.
    ///
    /// | kind | input |
    /// | --- | --- |
    /// | `mlp` | `x`: samples × size |
    /// | `conv` | `x`: samples × channels × height × width |
    /// | `transformer` | `tokens`: samples × length, whole numbers below the vocabulary |
    /// | `lstm` | `x`: samples × length × size |
    ///
    /// The output is `y`. An activation is a node `Activation` of the domain `semilla`, whose
    /// attribute `function` is the text of an [`Activation`](crate::activation::Activation).
    ///
    /// # Errors
    /// As [`Spec::parse`].
    pub fn graph(text: &str) -> Result<Graph, SpecError> {
        Ok(graph::of(&Description::read(text)?))
    }

    /// The same model with every hidden width so many times as large, as a description, and its
    /// first hidden width.
    ///
    /// # Errors
    /// As [`Spec::parse`]; also a model without hidden widths, or one that would be too wide.
    ///
    /// ```
    /// use semilla::model::Spec;
    ///
    /// let (text, width) = Spec::widened("mlp:784-64-64-10:tanh", 4)?;
    /// assert_eq!((&*text, width), ("mlp:784-256-256-10:tanh", 256));
    /// # Ok::<(), semilla::model::SpecError>(())
    /// ```
    pub fn widened(text: &str, times: usize) -> Result<(String, usize), SpecError> {
        let wide = Description::read(text)?.widened(times);
        let wide = wide.ok_or_else(|| SpecError::Width {
            text: text.chars().take(80).collect(),
            times,
        })?;
        Ok((wide.to_string(), wide.width()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::activation::Activation;
    use crate::model::Role;

    #[test]
    fn every_kind_has_a_role_for_every_tensor() {
        for text in [
            "mlp:784-256-10:tanh",
            "conv:3-32-64:10",
            "transformer:2x128:1000",
            "lstm:16-32:4",
        ] {
            let model = Spec::parse(text).unwrap();
            for tensor in &model.tensors {
                assert_ne!(tensor.role, Role::Unknown, "{text}: {}", tensor.name);
            }
            assert_eq!(
                model
                    .tensors
                    .iter()
                    .filter(|t| t.role == Role::Head)
                    .count(),
                1
            );
        }
        let model = Spec::parse("transformer:3x128:1000").unwrap();
        assert_eq!((model.layers, model.width), (Some(3), Some(128)));
        let lstm = Spec::parse("lstm:16-32:4").unwrap();
        assert_eq!(lstm.tensors[0].blocks, [32; 4]);
        assert_eq!(lstm.tensors[2].bias_fan_in.unwrap().exact, 32.0);
    }

    #[test]
    fn gains_before_a_normalization_are_not_judged() {
        let model = Spec::parse("conv:3-8-16:10:relu").unwrap();
        let plan = crate::Recipe::named("auto")
            .unwrap()
            .plan(&model, 0)
            .unwrap();
        let judged = |line: &crate::Line| line.signal.is_some().then(|| line.name.clone());
        let judged: Vec<String> = plan.tensors.iter().filter_map(judged).collect();
        assert!(judged.is_empty(), "{judged:?}");
    }

    #[test]
    fn activations_follow_the_description() {
        let model = Spec::parse("mlp:4-5-6:leaky_relu(0.2)").unwrap();
        assert_eq!(
            model.tensors[0].activation,
            Some(Activation::LeakyRelu { slope: 0.2 })
        );
        assert_eq!(model.tensors[2].activation, Some(Activation::Linear));
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| Spec::parse(text).unwrap_err().to_string();
        assert!(message("mpl:1-2").contains("did you mean \"mlp\""));
        assert!(message("mlp:784").contains("mlp:IN-HIDDEN"));
        assert!(message("mlp:0-5").contains("\"0\" is not a size"));
        assert!(message("mlp:4-99999999999999999999").contains("not a size"));
        assert!(message(&format!("mlp:{}1", "1-".repeat(2000))).contains("layers"));
        assert!(message("transformer:9x100:10").contains("divisible by 64"));
        assert!(message("mlp:1-2:rely").contains("rely"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_model_or_an_error(
            text in "(mlp|conv|transformer|lstm|x):[-0-9x:a-z()é]{0,30}",
        ) {
            let _ = Spec::parse(&text);
        }
    }
}
