//! What a learner has set.

use std::fmt::Write as _;

use semilla::activation::Activation;
use semilla_signal::Optimizer;

use super::choice::{Own, Shape, Source};
use super::start::Start;
use crate::text::Text;

/// What a learner has set: a network, how it may start, data, and how it is trained. Every value is
/// within its limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// The architecture.
    pub(super) shape: Shape,
    /// The activation.
    pub(super) activation: Activation,
    /// Hidden layers.
    pub(super) depth: usize,
    /// Units of a hidden layer.
    pub(super) width: usize,
    /// The first weights that are compared; at least one, each once, in the order of all.
    pub(super) starts: Vec<Start>,
    /// The learner's own gain.
    pub(super) gain: f64,
    /// The data.
    pub(super) source: Source,
    /// Labelled samples to train on; all that there are if 0.
    pub(super) labels: usize,
    /// The optimizer.
    pub(super) optimizer: Optimizer,
    /// The learning rate.
    pub(super) rate: f64,
    /// Steps.
    pub(super) steps: u64,
    /// Samples of a step.
    pub(super) batch: usize,
    /// The seed of weights and order.
    pub(super) seed: u64,
}

/// The activations that are offered, by their names.
pub(super) const ACTIVATIONS: [(&str, Activation); 8] = [
    ("relu", Activation::Relu),
    ("leaky_relu", Activation::LeakyRelu { slope: 0.01 }),
    ("tanh", Activation::Tanh),
    ("sigmoid", Activation::Sigmoid),
    ("gelu", Activation::Gelu),
    ("silu", Activation::Silu),
    ("selu", Activation::Selu),
    ("linear", Activation::Linear),
];

/// A number of the form: its name there, and its least and greatest value.
pub(super) struct Limits {
    pub(super) name: &'static str,
    pub(super) low: f64,
    pub(super) high: f64,
}

pub(super) const DEPTH: Limits = limits("depth", 1.0, 60.0);
pub(super) const WIDTH: Limits = limits("width", 1.0, 256.0);
pub(super) const GAIN: Limits = limits("gain", 0.0, 100.0);
pub(super) const LABELS: Limits = limits("labels", 0.0, 1e5);
pub(super) const RATE: Limits = limits("rate", 1e-9, 1e3);
pub(super) const STEPS: Limits = limits("steps", 1.0, 5000.0);
pub(super) const BATCH: Limits = limits("batch", 1.0, 512.0);
pub(super) const SEED: Limits = limits("seed", 0.0, 9_007_199_254_740_991.0);

const fn limits(name: &'static str, low: f64, high: f64) -> Limits {
    Limits { name, low, high }
}

impl Default for Setup {
    /// What the page opens with: 10 layers of tanh from three starts.
    fn default() -> Self {
        Self {
            shape: Shape::Plain,
            activation: Activation::Tanh,
            depth: 10,
            width: 32,
            starts: vec![Start::Small, Start::Large, Start::Xavier],
            gain: 1.5,
            source: Source::Digits,
            labels: 0,
            optimizer: Optimizer::Momentum,
            rate: 0.02,
            steps: 300,
            batch: 64,
            seed: 0,
        }
    }
}

impl Setup {
    /// What the page opens with where the learner has data of their own.
    pub(super) fn on(own: Option<&Own>) -> Self {
        let mut setup = Self::default();
        if let Some(own) = own {
            setup.source = Source::Own(own.clone());
        }
        setup
    }

    /// Reads settings as the page's form sends them, where the learner may have data of their own.
    /// What is left out has its default.
    ///
    /// # Errors
    /// A setting that is not known, or a value out of its limits, in a sentence.
    pub fn from_query(query: &str, own: Option<&Own>) -> Result<Self, Text> {
        let mut setup = Self::default();
        let mut starts = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            match &*name {
                "shape" => setup.shape = Shape::named(value).ok_or_else(|| unknown(value))?,
                "activation" => {
                    let found = ACTIVATIONS.iter().find(|(known, _)| *known == value);
                    setup.activation = found.ok_or_else(|| unknown(value))?.1;
                }
                "start" => starts.push(
                    Start::ALL
                        .into_iter()
                        .find(|start| start.key() == value)
                        .ok_or_else(|| unknown(value))?,
                ),
                "source" => {
                    let found = Source::named(value, own);
                    setup.source = found.ok_or_else(|| unknown(value))?;
                }
                "optimizer" => setup.optimizer = value.parse().map_err(|_| unknown(value))?,
                "depth" => setup.depth = whole(value, &DEPTH)? as usize,
                "width" => setup.width = whole(value, &WIDTH)? as usize,
                "gain" => setup.gain = number(value, &GAIN)?,
                "labels" => setup.labels = whole(value, &LABELS)? as usize,
                "rate" => setup.rate = number(value, &RATE)?,
                "steps" => setup.steps = whole(value, &STEPS)?,
                "batch" => setup.batch = whole(value, &BATCH)? as usize,
                "seed" => setup.seed = whole(value, &SEED)?,
                other => return Err(unknown(other)),
            }
        }
        if !starts.is_empty() {
            starts.sort_unstable();
            starts.dedup();
            setup.starts = starts;
        }
        if setup.transfers() && setup.source.classes() != 10 {
            return Err(Text::new(
                "Pretrained weights come from five of ten classes: choose data that have ten.",
                "Los pesos preentrenados vienen de cinco de diez clases: elija datos que tengan diez.",
            ));
        }
        if setup.shape == Shape::Convolutions && setup.source.image().is_none() {
            return Err(Text::new(
                "Convolutions move over images: choose images, such as the handwritten digits.",
                "Las convoluciones recorren imágenes: elija imágenes, como los dígitos manuscritos.",
            ));
        }
        Ok(setup)
    }

    /// The settings as the form sends them.
    ///
    /// ```
    /// use semilla_page::lab::Setup;
    ///
    /// let setup = Setup::default();
    /// assert_eq!(Setup::from_query(&setup.query(), None).unwrap(), setup);
    /// ```
    pub fn query(&self) -> String {
        let mut query = format!(
            "shape={}&activation={}&depth={}&width={}",
            self.shape.key(),
            self.activation_name(),
            self.depth,
            self.width
        );
        for start in &self.starts {
            let _ = write!(query, "&start={}", start.key());
        }
        let _ = write!(
            query,
            "&gain={}&source={}&labels={}&optimizer={}&rate={}&steps={}&batch={}&seed={}",
            self.gain,
            self.source.key(),
            self.labels,
            self.optimizer.name(),
            self.rate,
            self.steps,
            self.batch,
            self.seed
        );
        query
    }

    /// Whether one start is that of a network which was trained on other classes. All are then
    /// trained on the five classes that it has not seen.
    pub(super) fn transfers(&self) -> bool {
        self.starts.contains(&Start::Pretrained)
    }

    /// The network in one line.
    pub(super) fn model(&self) -> String {
        let (inputs, classes) = (self.source.inputs(), self.classes());
        let activation = self.activation_name();
        let Self { depth, width, .. } = self;
        let plain = || {
            let hidden = vec![width.to_string(); *depth].join("-");
            format!("mlp:{inputs}-{hidden}-{classes}:{activation}")
        };
        match self.shape {
            Shape::Plain => plain(),
            Shape::BatchNorm => plain() + ":norm=batch",
            Shape::LayerNorm => plain() + ":norm=layer",
            Shape::Residual => format!(
                "resmlp:inputs={inputs}:width={width}:depth={depth}:outputs={classes}:activation={activation}"
            ),
            Shape::Convolutions => {
                let [channels, height, across] = self.source.image().unwrap_or([1; 3]);
                format!(
                    "conv:{channels}{}:{classes}:{activation}:height={height}:width={across}:norm=none",
                    format!("-{width}").repeat(*depth)
                )
            }
        }
    }

    /// The name of the activation.
    pub(super) fn activation_name(&self) -> &'static str {
        let mut known = ACTIVATIONS.iter();
        let found = known.find(|(_, activation)| *activation == self.activation);
        found.map_or("linear", |(name, _)| name)
    }

    /// The tensors of the last layer, as a pattern of their names.
    pub(super) fn last_layer(&self) -> String {
        match self.shape {
            Shape::Residual => "head.*".to_owned(),
            Shape::Convolutions => "classifier.*".to_owned(),
            _ => format!("layers.{}.*", self.depth),
        }
    }

    /// Classes that are told apart.
    pub(super) fn classes(&self) -> usize {
        match self.transfers() {
            true => 5,
            false => self.source.classes(),
        }
    }
}

fn unknown(value: &str) -> Text {
    Text::of(
        format!("{value:?} is not on offer."),
        format!("{value:?} no se ofrece."),
    )
}

fn number(text: &str, limits: &Limits) -> Result<f64, Text> {
    let Limits { name, low, high } = limits;
    // The learner's keyboard may have a decimal comma.
    let value = text.replace(',', ".").parse().unwrap_or(f64::NAN);
    match (*low..=*high).contains(&value) {
        true => Ok(value),
        false => Err(Text::of(
            format!("{name} must be a number from {low} to {high}."),
            format!("{name} debe ser un número de {low} a {high}."),
        )),
    }
}

fn whole(text: &str, limits: &Limits) -> Result<u64, Text> {
    let value = number(text, limits)?;
    match value.fract() == 0.0 {
        true => Ok(value as u64),
        false => Err(Text::of(
            format!("{} must be a whole number.", limits.name),
            format!("{} debe ser un número entero.", limits.name),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_limits_is_said() {
        for (query, said) in [
            ("depth=0", "depth must be"),
            ("depth=1.5", "whole"),
            ("rate=nan", "rate must be"),
            ("width=1e99", "width must be"),
            ("start=glorot", "\"glorot\" is not on offer"),
            ("activation=exp", "not on offer"),
            ("nonsense=1", "not on offer"),
            ("start=pretrained&source=spirals", "five of ten classes"),
            ("shape=convolutions&source=mnist1d", "handwritten digits"),
            ("source=own", "not on offer"),
        ] {
            let error = Setup::from_query(query, None).unwrap_err();
            let english = error.in_lang(crate::text::Lang::En);
            assert!(english.contains(said), "{query}: {english}");
        }
    }

    #[test]
    fn every_choice_survives_the_address() {
        for (name, _) in ACTIVATIONS {
            let setup = Setup::from_query(&format!("activation={name}"), None).unwrap();
            assert_eq!(setup.activation_name(), name);
            assert_eq!(Setup::from_query(&setup.query(), None), Ok(setup));
        }
    }

    #[test]
    fn starts_come_in_order_and_once() {
        let setup = Setup::from_query("start=he&start=zeros&start=he&rate=0,5", None).unwrap();
        assert_eq!(setup.starts, [Start::Zeros, Start::He]);
        assert_eq!(setup.rate, 0.5);
    }
}
