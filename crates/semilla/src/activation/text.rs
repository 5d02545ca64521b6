//! Activations as text: their names in other libraries, and how they are read and written.

use std::fmt;
use std::str::FromStr;

use super::catalogue::{Activation, CATALOGUE};
use crate::suggest::did_you_mean;

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parameter() {
            None => f.pad(self.name()),
            Some(value) => f.pad(&format!("{}({value})", self.name())),
        }
    }
}

impl From<Activation> for String {
    fn from(activation: Activation) -> String {
        activation.to_string()
    }
}

impl TryFrom<String> for Activation {
    type Error = ParseActivationError;

    fn try_from(text: String) -> Result<Self, ParseActivationError> {
        text.parse()
    }
}

/// The text is not an activation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseActivationError {
    /// No activation has this name; [`Activation::NAMES`] are the ones there are.
    #[error(
        "unknown activation {0:?}{hint}; use one of {names}",
        hint = did_you_mean(.0, Activation::NAMES.into_iter()), names = Activation::NAMES.join(", ")
    )]
    Unknown(String),
    /// The parentheses do not close, or hold no number.
    #[error("cannot read the parameter of activation {0:?}; write it as in leaky_relu(0.2)")]
    Malformed(String),
    /// The activation takes no parameter, or not this value.
    #[error("activation {name} cannot take the parameter {value}; {hint}")]
    Parameter {
        /// The activation's canonical name.
        name: &'static str,
        /// The parameter as written.
        value: String,
        /// Which parameters it takes, in words.
        hint: &'static str,
    },
}

/// Lower case, no separators, no module path: `torch.nn.LeakyReLU` is `leakyrelu`.
fn normalize(name: &str) -> String {
    letters(name).collect()
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    let letters = last.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase)
}

fn split_parameter(text: &str) -> Result<(&str, Option<f64>), ParseActivationError> {
    let Some((name, rest)) = text.split_once('(') else {
        return Ok((text, None));
    };
    let inside = rest.trim_end().strip_suffix(')').map(str::trim);
    match inside {
        Some("") => Ok((name, None)),
        Some(number) => match number.parse() {
            Ok(value) => Ok((name, Some(value))),
            Err(_) => Err(ParseActivationError::Malformed(text.to_owned())),
        },
        None => Err(ParseActivationError::Malformed(text.to_owned())),
    }
}

impl FromStr for Activation {
    type Err = ParseActivationError;

    fn from_str(text: &str) -> Result<Self, ParseActivationError> {
        let (name, parameter) = split_parameter(text)?;
        let wanted = normalize(name);
        let known = |&&(activation, aliases): &&(Activation, &[&str])| {
            letters(activation.name()).eq(wanted.chars()) || aliases.contains(&wanted.as_str())
        };
        let Some(&(activation, _)) = CATALOGUE.iter().find(known) else {
            return Err(ParseActivationError::Unknown(name.trim().to_owned()));
        };
        let Some(value) = parameter else {
            return Ok(activation);
        };
        activation
            .with_parameter(value)
            .ok_or(ParseActivationError::Parameter {
                name: activation.name(),
                value: value.to_string(),
                hint: activation.parameter_hint(),
            })
    }
}

impl Activation {
    fn parameter_hint(&self) -> &'static str {
        match self {
            Activation::Celu { .. } => "alpha must be finite and above 0",
            Activation::Softshrink { .. } | Activation::Hardshrink { .. } => {
                "lambda must be finite and not negative"
            }
            _ if self.parameter().is_some() => "it must be finite",
            _ => "it takes none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn text_and_json_come_back() {
        for activation in Activation::all().chain([
            Activation::LeakyRelu { slope: 0.1 + 0.2 },
            Activation::Prelu { slope: -1e-300 },
        ]) {
            assert_eq!(activation.to_string().parse(), Ok(activation));
            let json = serde_json::to_string(&activation).unwrap();
            assert_eq!(json, format!("\"{activation}\""));
            assert_eq!(
                serde_json::from_str::<Activation>(&json).unwrap(),
                activation
            );
        }
        for name in Activation::NAMES {
            assert_eq!(name.parse::<Activation>().unwrap().name(), name);
        }
    }

    #[test]
    fn names_of_other_libraries_are_understood() {
        for (text, want) in [
            ("swish", Activation::Silu),
            ("SiLU", Activation::Silu),
            ("torch.nn.LeakyReLU", Activation::LeakyRelu { slope: 0.01 }),
            ("leaky_relu( 0.3 )", Activation::LeakyRelu { slope: 0.3 }),
            ("nn.ELU(2)", Activation::Elu { alpha: 2.0 }),
            ("ReLU()", Activation::Relu),
            ("jax.nn.hard_tanh", Activation::Hardtanh),
            ("hard_silu", Activation::Hardswish),
            ("log_sigmoid", Activation::Logsigmoid),
            ("gelu_new", Activation::GeluTanh),
            ("gelu_pytorch_tanh", Activation::GeluTanh),
            ("squared_relu", Activation::Relu2),
            ("soft_sign", Activation::Softsign),
            ("Atan", Activation::Arctan),
            (" identity ", Activation::Linear),
        ] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
    }

    #[test]
    fn aliases_are_normalized_and_belong_to_one_activation() {
        let mut seen = std::collections::HashSet::new();
        for (activation, aliases) in CATALOGUE {
            assert!(seen.insert(normalize(activation.name())), "{activation}");
            for alias in aliases {
                assert_eq!(normalize(alias), *alias);
                assert!(seen.insert((*alias).to_owned()), "{alias}");
            }
        }
    }

    #[test]
    fn mistakes_get_a_sentence() {
        let parse = |text: &str| text.parse::<Activation>().unwrap_err();
        assert_eq!(
            parse("gellu"),
            ParseActivationError::Unknown("gellu".into())
        );
        assert!(parse("").to_string().contains("leaky_relu"));
        for text in [
            "leaky_relu(",
            "leaky_relu(a)",
            "elu(1",
            "elu(1)2",
            "elu((1)",
        ] {
            assert_eq!(parse(text), ParseActivationError::Malformed(text.into()));
        }
        for text in [
            "relu(0.2)",
            "celu(0)",
            "hardshrink(-1)",
            "elu(inf)",
            "leaky_relu(NaN)",
        ] {
            assert!(
                matches!(parse(text), ParseActivationError::Parameter { .. }),
                "{text}"
            );
        }
        assert!(serde_json::from_str::<Activation>("\"nope\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = text.parse::<Activation>();
        }
    }
}
