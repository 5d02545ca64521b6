//! Initializers as text: names, the aliases that people look for, and their parameters.

use std::fmt;
use std::iter::once;
use std::str::FromStr;

use serde::de::value::MapDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::catalogue::{Alias, Initializer};
use super::table::within;
use super::value::{Text, Written};
use crate::suggest::did_you_mean;

/// Why a text is not an initializer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseInitializerError {
    /// No initializer has this name.
    #[error(
        "unknown initializer {name:?}{}; the initializers are {}",
        hint(.name), Initializer::NAMES.join(", ")
    )]
    Unknown {
        /// The name asked for, at most 80 characters of it.
        name: String,
    },
    /// The parameters cannot be read.
    #[error(
        "cannot read the initializer {text:?}: {problem}; \
         write its parameters as in normal(mean=0, std=0.02)"
    )]
    Parameters {
        /// The text, at most 80 characters of it.
        text: String,
        /// The reason.
        problem: String,
    },
}

fn hint(name: &str) -> String {
    let aliases = Initializer::ALIASES.iter().map(|alias| alias.alias);
    did_you_mean(name, Initializer::NAMES.into_iter().chain(aliases))
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn unknown(name: &str) -> ParseInitializerError {
    ParseInitializerError::Unknown {
        name: shortened(name),
    }
}

/// A name as it is compared: PyTorch ends its own with `_`.
fn folded(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase().replace('-', "_");
    name.trim_end_matches('_').to_owned()
}

fn alias(folded: &str) -> Option<&'static Alias> {
    Initializer::ALIASES
        .iter()
        .find(|alias| alias.alias == folded)
}

impl Initializer {
    /// Reads a table of parameters under a name or an alias.
    fn from_entry<'de, A: MapAccess<'de>>(text: &str, table: &mut A) -> Result<Self, A::Error> {
        let folded = folded(text);
        let alias = alias(&folded);
        let name = alias.map_or(&*folded, |alias| alias.name);
        let read = Self::from_table(name, table).ok_or_else(|| de::Error::custom(unknown(text)))?;
        let mut initializer = read.map_err(|error| within(name, &error))?;
        if let Some(alias) = alias {
            (alias.set)(&mut initializer);
        }
        Ok(initializer)
    }
}

impl FromStr for Initializer {
    type Err = ParseInitializerError;

    /// A name or an alias (`he_normal`, `glorot_uniform`, `truncated_normal`...), with parameters
    /// that are not the defaults in parentheses: `kaiming_normal(mode=fan_out)`.
    fn from_str(text: &str) -> Result<Self, ParseInitializerError> {
        let problem = |problem: String| ParseInitializerError::Parameters {
            text: shortened(text),
            problem,
        };
        let (name, parameters) = match text.trim().split_once('(') {
            None => (text, ""),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')');
                (
                    name,
                    inner.ok_or_else(|| problem("it does not end with )".to_owned()))?,
                )
            }
        };
        let known = folded(name);
        if Self::by_name(&known).is_none() && alias(&known).is_none() {
            return Err(unknown(name));
        }
        let entry = MapDeserializer::new(once((name, Written(parameters))));
        Self::deserialize(entry).map_err(|error: de::value::Error| problem(error.to_string()))
    }
}

impl fmt::Display for Initializer {
    /// The name, with the parameters that are not the defaults in parentheses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = self.changed().into_iter();
        let parameters: Vec<String> = changed
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        match &parameters[..] {
            [] => f.pad(self.name()),
            some => f.pad(&format!("{}({})", self.name(), some.join(", "))),
        }
    }
}

impl Text for Initializer {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Serialize for Initializer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.changed().is_empty() {
            return serializer.serialize_str(self.name());
        }
        let mut table = serializer.serialize_map(Some(1))?;
        self.to_table(&mut table)?;
        table.end()
    }
}

impl<'de> Deserialize<'de> for Initializer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Initializer;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an initializer's name, or a table { name = { parameter = value } }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Initializer, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Initializer, A::Error> {
                let text: String = map
                    .next_key()?
                    .ok_or_else(|| de::Error::custom("an initializer's table needs its name"))?;
                let initializer = Initializer::from_entry(&text, &mut map)?;
                if map.next_key::<String>()?.is_some() {
                    return Err(de::Error::custom(format!(
                        "{text:?} is followed by a second initializer; a rule has one"
                    )));
                }
                Ok(initializer)
            }
        }
        deserializer.deserialize_any(Named)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::activation::Activation;
    use crate::expression::Scalar;
    use crate::init::{self, Mode, Projection, Shape};

    fn json(text: &str) -> Result<Initializer, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn every_name_round_trips() {
        for name in Initializer::NAMES {
            let initializer: Initializer = name.parse().unwrap();
            assert_eq!(initializer.name(), name);
            let text = serde_json::to_string(&initializer).unwrap();
            assert_eq!(json(&text).unwrap(), initializer);
        }
        for Alias { alias, name, .. } in Initializer::ALIASES {
            assert_eq!(alias.parse::<Initializer>().unwrap().name(), *name);
            assert!(!Initializer::NAMES.contains(alias), "{alias}");
        }
    }

    #[test]
    fn tables_name_their_parameters() {
        let given = json(r#"{"kaiming_normal": {"mode": "fan_out", "a": "sqrt(5)"}}"#).unwrap();
        let Initializer::KaimingNormal(p) = &given else {
            panic!("{given}")
        };
        assert_eq!((p.mode, p.distribution), (Mode::FanOut, Shape::Normal));
        assert_eq!(
            json(&serde_json::to_string(&given).unwrap()).unwrap(),
            given
        );
        let he = json(r#"{"he_normal": {}}"#).unwrap();
        assert!(
            matches!(he, Initializer::KaimingNormal(p) if p.distribution == Shape::TruncatedNormal)
        );
        assert!(matches!(
            "kaiming_normal_".parse(),
            Ok(Initializer::KaimingNormal(_))
        ));
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| json(text).unwrap_err().to_string();
        assert!(message(r#""kaimig_normal""#).contains("did you mean \"kaiming_normal\"?"));
        assert!(message(r#"{"normal": {"sigma": 1}}"#).contains("sigma"));
        assert!(message(r#"{"normal": {}, "zeros": {}}"#).contains("second initializer"));
        assert!(message("{}").contains("needs its name"));
        let wrong = message(r#"{"normal": {"std": "layer"}}"#);
        assert!(
            wrong.starts_with("normal: std: cannot read the expression"),
            "{wrong}"
        );
        assert!(message(r#"{"normal": {"std": 1, "std": 2}}"#).contains("std is given twice"));
    }

    #[test]
    fn text_shows_what_is_not_the_default() {
        let text = |initializer: Initializer| initializer.to_string();
        assert_eq!(text(init::kaiming_normal().into()), "kaiming_normal");
        assert_eq!(
            text(init::kaiming_normal().mode(Mode::FanOut).into()),
            "kaiming_normal(mode=fan_out)"
        );
        assert_eq!(
            text(init::constant().value(1e-5).into()),
            "constant(value=1e-5)"
        );
        let padded = init::padded().row(3).of(init::normal().std(0.02));
        assert_eq!(text(padded.into()), "padded(row=3, of=normal(std=0.02))");
        let gates = init::gate_bias().values([0.0, 2.0]);
        assert_eq!(text(gates.into()), "gate_bias(values=[0, 2])");
        let leaky = init::kaiming_uniform().nonlinearity(Activation::LeakyRelu { slope: 0.2 });
        assert_eq!(
            text(leaky.into()),
            "kaiming_uniform(nonlinearity=leaky_relu(0.2))"
        );
    }

    #[test]
    fn texts_of_people_are_read() {
        let read = |text: &str| text.parse::<Initializer>().unwrap();
        assert_eq!(
            read(" Normal( std = 0.02 ) "),
            init::normal().std(0.02).into()
        );
        assert_eq!(read("zeros()"), init::zeros().into());
        let truncated = init::kaiming_normal().distribution(Shape::TruncatedNormal);
        assert_eq!(
            read("he_normal(mode=fan_out)"),
            truncated.mode(Mode::FanOut).into()
        );
        let std: Scalar = "0.02 / sqrt(2 * layers)".parse().unwrap();
        assert_eq!(
            read("normal(std=0.02 / sqrt(2 * layers))"),
            init::normal().std(std).into()
        );
        let message = |text: &str| text.parse::<Initializer>().unwrap_err().to_string();
        assert!(message("normal(sigma=1)").contains("unknown field `sigma`"));
        assert!(message("normal(0.02)").contains("\"0.02\" should be PARAMETER=VALUE"));
        assert!(message("normal(std=1").contains("does not end with )"));
        assert!(message("kaiming_normal(mode=fan)").contains("mode: unknown variant `fan`"));
        assert!(message("dirac(groups=1.5)").contains("dirac: groups:"));
        assert!(message("nromal(std=1)").contains("did you mean \"normal\"?"));
        assert!(message(&"padded(of=".repeat(1000)).contains("does not end with )"));
        let nested = "padded(of=".repeat(1000) + &")".repeat(1000);
        assert!(message(&nested).contains("nested too deeply"));
    }

    fn scalar() -> impl Strategy<Value = Scalar> {
        let expressions = [
            "0.02 / sqrt(2 * layers)",
            "min(1, fan_in)",
            "2",
            "-1e-3",
            "pi",
        ];
        let expression = prop::sample::select(expressions.to_vec());
        prop_oneof![
            (-1e300..1e300f64).prop_map(Scalar::from),
            any::<i16>().prop_map(|value| f64::from(value).into()),
            any::<f64>()
                .prop_filter("finite", |x| x.is_finite())
                .prop_map(Scalar::from),
            expression.prop_map(|text| text.parse().unwrap()),
        ]
    }

    fn initializer() -> impl Strategy<Value = Initializer> {
        let modes = [Mode::FanIn, Mode::FanOut, Mode::FanAvg, Mode::FanGeoAvg];
        let activations = [Activation::Selu, Activation::LeakyRelu { slope: 0.2 }];
        let name = prop::sample::select(Initializer::NAMES.to_vec());
        let kaiming = (
            scalar(),
            prop::sample::select(modes.to_vec()),
            prop::option::of(prop::sample::select(activations.to_vec())),
        );
        let mimetic = (
            prop::option::of(".*"),
            1..9usize,
            prop::option::of(scalar()),
        );
        let leaf = prop_oneof![
            name.prop_map(|name| name.parse().unwrap()),
            (scalar(), scalar()).prop_map(|(low, high)| init::uniform().low(low).high(high).into()),
            prop::collection::vec(scalar(), 0..5)
                .prop_map(|values| init::gate_bias().values(values).into()),
            any::<bool>().prop_map(|first| init::siren().first(first).into()),
            kaiming.prop_map(|(a, mode, nonlinearity)| {
                let kaiming = init::kaiming_normal().a(a).mode(mode);
                init::KaimingNormal {
                    nonlinearity,
                    ..kaiming
                }
                .into()
            }),
            mimetic.prop_map(|(pair, heads, alpha)| {
                let mimetic = init::mimetic().part(Projection::Value).heads(heads);
                init::Mimetic {
                    pair,
                    alpha,
                    ..mimetic
                }
                .into()
            }),
        ];
        leaf.prop_recursive(3, 8, 1, |inner| {
            (0..9usize, inner).prop_map(|(row, of)| init::padded().row(row).of(of).into())
        })
    }

    proptest! {
        #[test]
        fn text_reads_back(initializer in initializer()) {
            prop_assert_eq!(initializer.to_string().parse(), Ok(initializer.clone()));
            let text = serde_json::to_string(&initializer).unwrap();
            prop_assert_eq!(json(&text).unwrap(), initializer);
        }

        #[test]
        fn any_text_is_an_initializer_or_an_error(
            text in r#"(normal|padded|mimetic|gate_bias|é)?[(]?[a-z_=,.0-9"\\()\[\] é]{0,40}[)]?"#,
        ) {
            if let Ok(initializer) = text.parse::<Initializer>() {
                prop_assert_eq!(initializer.to_string().parse(), Ok(initializer));
            }
        }
    }
}
