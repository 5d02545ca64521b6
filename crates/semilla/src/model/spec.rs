//! Models in one line.
//!
//! | description | model |
//! | --- | --- |
//! | `mlp:784-256-256-10:relu` | linear layers, an activation after each but the last |
//! | `conv:3-32-64:10:relu` | 3×3 convolutions from 3 channels, a linear head of 10 outputs |
//! | `transformer:12x768:50257:gelu` | a GPT-2-style decoder: layers × width, vocabulary |
//! | `lstm:128-256:10` | an LSTM of input and hidden size, then a linear head |
//!
//! Linear layers have biases, convolutions batch normalization; a decoder has heads of 64 and 1024
//! positions. The activation may be left out: relu for `mlp` and `conv`, gelu for `transformer`.
//! Tensors are named and stored as PyTorch does, in `f32`.

use super::convention::Convention;
use super::facts::{Evidence, Facts};
use super::role::Role;
use super::source::Source;
use super::state_dict::Model;
use crate::activation::{Activation, ParseActivationError};
use crate::dtype::DType;
use crate::suggest::did_you_mean;

/// One-line descriptions of models.
pub struct Spec;

/// Why a description cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// No such kind of model.
    #[error(
        "{kind:?} is not a kind of model{hint}; write mlp:784-256-10:relu, \
         conv:3-32-64:10:relu, transformer:12x768:50257 or lstm:128-256:10"
    )]
    Kind {
        /// The kind asked for.
        kind: String,
        /// The nearest kind, in words.
        hint: String,
    },
    /// A part is missing, or there is one too many.
    #[error("{text:?} should be {form}")]
    Form {
        /// The description.
        text: String,
        /// How it is written.
        form: &'static str,
    },
    /// A size that is not a number, or out of bounds.
    #[error("{size:?} is not a size; write a whole number from 1 to {MAX_SIZE}")]
    Size {
        /// The text in its place.
        size: String,
    },
    /// Too many layers.
    #[error(
        "{layers} layers are more than {MAX_LAYERS}; describe larger models by a list of shapes"
    )]
    Layers {
        /// How many.
        layers: usize,
    },
    /// No such activation.
    #[error(transparent)]
    Activation(#[from] ParseActivationError),
}

const MAX_SIZE: usize = 1 << 24;
const MAX_LAYERS: usize = 1000;
const KINDS: [&str; 4] = ["mlp", "conv", "transformer", "lstm"];

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
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let parts: Vec<&str> = rest.split(':').collect();
        match kind {
            "mlp" => mlp(text, &parts),
            "conv" => conv(text, &parts),
            "transformer" => transformer(text, &parts),
            "lstm" => lstm(text, &parts),
            _ => {
                let kind: String = kind.chars().take(40).collect();
                let hint = did_you_mean(&kind, KINDS.into_iter());
                Err(SpecError::Kind { kind, hint })
            }
        }
    }
}

fn form(text: &str, form: &'static str) -> SpecError {
    SpecError::Form {
        text: text.chars().take(80).collect(),
        form,
    }
}

fn size(text: &str) -> Result<usize, SpecError> {
    let parsed = text
        .parse()
        .ok()
        .filter(|size| (1..=MAX_SIZE).contains(size));
    parsed.ok_or_else(|| SpecError::Size {
        size: text.chars().take(40).collect(),
    })
}

fn sizes(text: &str) -> Result<Vec<usize>, SpecError> {
    let layers = text.split('-').count();
    if layers > MAX_LAYERS {
        return Err(SpecError::Layers { layers });
    }
    text.split('-').map(size).collect()
}

fn activation(part: Option<&&str>, default: Activation) -> Result<Activation, SpecError> {
    part.map_or(Ok(default), |text| Ok(text.parse()?))
}

/// Collects named shapes, and the facts that only the description states.
struct Builder {
    tensors: Vec<(String, Vec<usize>, DType)>,
    activations: Vec<(String, Activation)>,
    heads: Vec<String>,
    normalized: Vec<String>,
    /// Weights, and those that take their output.
    next: Vec<(String, String)>,
}

impl Builder {
    fn new() -> Self {
        Self {
            tensors: Vec::new(),
            activations: Vec::new(),
            heads: Vec::new(),
            normalized: Vec::new(),
            next: Vec::new(),
        }
    }

    fn push(&mut self, name: String, shape: Vec<usize>) {
        self.tensors.push((name, shape, DType::F32));
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize, after: Option<Activation>) {
        self.push(format!("{name}.weight"), vec![outputs, inputs]);
        self.push(format!("{name}.bias"), vec![outputs]);
        self.activations
            .extend(after.map(|after| (format!("{name}.weight"), after)));
    }

    fn head(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.linear(name, inputs, outputs, Some(Activation::Linear));
        self.heads.push(format!("{name}.weight"));
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.push(format!("{name}.weight"), vec![width]);
        self.push(format!("{name}.bias"), vec![width]);
    }

    fn build(self) -> Model {
        let described = || Facts::from(Source::Description);
        let mut evidence = Evidence::guessed(Convention::Pytorch);
        let activations = self.activations.iter();
        let activations = activations.map(|(name, after)| (name, described().activation(*after)));
        let heads = self
            .heads
            .iter()
            .map(|name| (name, described().role(Role::Head)));
        let normalized = self
            .normalized
            .iter()
            .map(|name| (name, described().normalized()));
        let next = self.next.iter();
        let next = next.map(|(name, next)| (name, described().next(next.as_str())));
        for (name, facts) in activations.chain(heads).chain(normalized).chain(next) {
            evidence.add(name, facts);
        }
        Model::derive(self.tensors, evidence)
    }
}

fn mlp(text: &str, parts: &[&str]) -> Result<Model, SpecError> {
    let [sizes_part, rest @ ..] = parts else {
        return Err(form(text, MLP));
    };
    let sizes = sizes(sizes_part)?;
    if sizes.len() < 2 || rest.len() > 1 {
        return Err(form(text, MLP));
    }
    let after = activation(rest.first(), Activation::Relu)?;
    let mut builder = Builder::new();
    let last = sizes.len() - 2;
    for (i, pair) in sizes.windows(2).enumerate() {
        let name = format!("layers.{i}");
        if i == last {
            builder.head(&name, pair[0], pair[1]);
        } else {
            builder.linear(&name, pair[0], pair[1], Some(after));
            let next = format!("layers.{}.weight", i + 1);
            builder.next.push((format!("{name}.weight"), next));
        }
    }
    Ok(builder.build())
}

const MLP: &str = "mlp:IN-HIDDEN-...-OUT[:ACTIVATION], such as mlp:784-256-10:relu";
const CONV: &str = "conv:CHANNELS-...:OUTPUTS[:ACTIVATION], such as conv:3-32-64:10:relu";
const TRANSFORMER: &str = "transformer:LAYERSxWIDTH:VOCABULARY[:ACTIVATION] with a width divisible \
                           by 64, such as transformer:12x768:50257";
const LSTM: &str = "lstm:INPUT-HIDDEN:OUTPUTS, such as lstm:128-256:10";

fn conv(text: &str, parts: &[&str]) -> Result<Model, SpecError> {
    let [channels, outputs, rest @ ..] = parts else {
        return Err(form(text, CONV));
    };
    let channels = sizes(channels)?;
    let (Some(&last), true, true) = (channels.last(), channels.len() > 1, rest.len() < 2) else {
        return Err(form(text, CONV));
    };
    let after = activation(rest.first(), Activation::Relu)?;
    let mut builder = Builder::new();
    for (i, pair) in channels.windows(2).enumerate() {
        let name = format!("features.{i}.conv.weight");
        builder.push(name.clone(), vec![pair[1], pair[0], 3, 3]);
        builder.activations.push((name.clone(), after));
        builder.normalized.push(name);
        let norm = format!("features.{i}.norm");
        builder.norm(&norm, pair[1]);
        builder.push(format!("{norm}.running_mean"), vec![pair[1]]);
        builder.push(format!("{norm}.running_var"), vec![pair[1]]);
        builder
            .tensors
            .push((format!("{norm}.num_batches_tracked"), vec![], DType::I64));
    }
    builder.head("classifier", last, size(outputs)?);
    Ok(builder.build())
}

fn transformer(text: &str, parts: &[&str]) -> Result<Model, SpecError> {
    const POSITIONS: usize = 1024;
    let [shape, vocabulary, rest @ ..] = parts else {
        return Err(form(text, TRANSFORMER));
    };
    let Some((layers, width)) = shape.split_once('x') else {
        return Err(form(text, TRANSFORMER));
    };
    let (layers, width) = (size(layers)?, size(width)?);
    let vocabulary = size(vocabulary)?;
    let after = activation(rest.first(), Activation::Gelu)?;
    if rest.len() > 1 || width % 64 != 0 || width > MAX_SIZE / 4 {
        return Err(form(text, TRANSFORMER));
    }
    if layers > MAX_LAYERS {
        return Err(SpecError::Layers { layers });
    }
    let mut builder = Builder::new();
    builder.push("wte.weight".into(), vec![vocabulary, width]);
    builder.push("wpe.weight".into(), vec![POSITIONS, width]);
    for layer in 0..layers {
        let block = format!("blocks.{layer}");
        builder.norm(&format!("{block}.ln_1"), width);
        builder.linear(&format!("{block}.attn.qkv"), width, 3 * width, None);
        builder.linear(&format!("{block}.attn.proj"), width, width, None);
        builder.norm(&format!("{block}.ln_2"), width);
        builder.linear(&format!("{block}.mlp.fc1"), width, 4 * width, Some(after));
        builder.linear(&format!("{block}.mlp.fc2"), 4 * width, width, None);
    }
    builder.norm("ln_f", width);
    builder.push("lm_head.weight".into(), vec![vocabulary, width]);
    Ok(builder.build())
}

fn lstm(text: &str, parts: &[&str]) -> Result<Model, SpecError> {
    let [shape, outputs] = parts else {
        return Err(form(text, LSTM));
    };
    let sizes = sizes(shape)?;
    let &[input, hidden] = sizes.as_slice() else {
        return Err(form(text, LSTM));
    };
    let mut builder = Builder::new();
    builder.push("lstm.weight_ih_l0".into(), vec![4 * hidden, input]);
    builder.push("lstm.weight_hh_l0".into(), vec![4 * hidden, hidden]);
    builder.push("lstm.bias_ih_l0".into(), vec![4 * hidden]);
    builder.push("lstm.bias_hh_l0".into(), vec![4 * hidden]);
    builder.head("head", hidden, size(outputs)?);
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
