//! Initializers as text: names, the aliases that people look for, and tables of parameters.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::*;

/// The text is no initializer's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown initializer {name:?}{}; the initializers are {}", hint(.name), Initializer::NAMES.join(", "))]
pub struct UnknownInitializer {
    /// What was asked for.
    pub name: String,
}

fn hint(name: &str) -> String {
    let known = Initializer::NAMES
        .iter()
        .chain(ALIASES.iter().map(|(alias, ..)| alias));
    crate::suggest::did_you_mean(name, known.copied())
}

/// Other spellings, the name that is printed, and whether the peer's form is truncated.
const ALIASES: [(&str, &str, bool); 22] = [
    ("glorot_uniform", "xavier_uniform", false),
    ("glorot_normal", "xavier_normal", true),
    ("he_uniform", "kaiming_uniform", false),
    ("he_normal", "kaiming_normal", true),
    ("msra", "kaiming_normal", false),
    ("msra_normal", "kaiming_normal", false),
    ("xavier", "xavier_uniform", false),
    ("glorot", "xavier_uniform", false),
    ("he", "kaiming_normal", false),
    ("kaiming", "kaiming_normal", false),
    ("lecun", "lecun_normal", false),
    ("selu", "lecun_normal", false),
    ("truncated_normal", "trunc_normal", false),
    ("random_normal", "normal", false),
    ("random_uniform", "uniform", false),
    ("identity", "eye", false),
    ("irnn", "eye", false),
    ("zero", "hadamard", false),
    ("rezero", "zeros", false),
    ("skipinit", "zeros", false),
    ("mirrored", "looks_linear", false),
    ("sinusoid", "sinusoidal", false),
];

fn canonical(name: &str) -> (String, bool) {
    let folded = name.trim().to_ascii_lowercase().replace('-', "_");
    let folded = folded.trim_end_matches('_');
    let alias = ALIASES.iter().find(|(alias, ..)| *alias == folded);
    alias.map_or((folded.to_owned(), false), |&(_, name, cut)| {
        (name.to_owned(), cut)
    })
}

impl Initializer {
    /// The distribution that `glorot_normal` and `he_normal` imply.
    fn truncated(mut self) -> Self {
        match &mut self {
            Self::XavierNormal(p) => p.distribution = Shape::TruncatedNormal,
            Self::KaimingNormal(p) => p.distribution = Shape::TruncatedNormal,
            _ => {}
        }
        self
    }
}

/// Everything that is the same for each initializer: its name and its table of parameters.
macro_rules! named {
    ($($variant:ident $name:ident,)*) => {
        impl Initializer {
            /// The name of every initializer.
            pub const NAMES: [&str; [$(stringify!($name)),*].len()] = [$(stringify!($name)),*];

            /// The name, as it is printed.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($name),)* }
            }

            fn is_default(&self) -> bool {
                match self { $(Self::$variant(p) => *p == $variant::default(),)* }
            }

            fn by_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some($name()),)* _ => None }
            }

            fn from_table<'de, A: MapAccess<'de>>(name: &str, table: &mut A) -> Result<Self, A::Error> {
                match name {
                    $(stringify!($name) => table.next_value::<$variant>().map(Self::from),)*
                    _ => Err(de::Error::custom(UnknownInitializer { name: name.to_owned() })),
                }
            }

            fn to_table<M: SerializeMap>(&self, table: &mut M) -> Result<(), M::Error> {
                match self { $(Self::$variant(p) => table.serialize_entry(stringify!($name), p),)* }
            }
        }
    };
}

named! {
    Constant constant,
    Zeros zeros,
    Ones ones,
    Uniform uniform,
    Normal normal,
    TruncNormal trunc_normal,
    Eye eye,
    Dirac dirac,
    Sparse sparse,
    VarianceScaling variance_scaling,
    XavierUniform xavier_uniform,
    XavierNormal xavier_normal,
    KaimingUniform kaiming_uniform,
    KaimingNormal kaiming_normal,
    LecunUniform lecun_uniform,
    LecunNormal lecun_normal,
    BiasUniform bias_uniform,
    Orthogonal orthogonal,
    ColumnOrthogonal column_orthogonal,
    DeltaOrthogonal delta_orthogonal,
    Siren siren,
    Hadamard hadamard,
    LooksLinear looks_linear,
    Icnr icnr,
    Bilinear bilinear,
    GateBias gate_bias,
    Chrono chrono,
    Padded padded,
    Sinusoidal sinusoidal,
    RotaryFrequencies rotary_frequencies,
    S4d s4d,
    MambaDtBias mamba_dt_bias,
    Mimetic mimetic,
    Arange arange,
    Keep keep,
    Pretrained pretrained,
}

impl FromStr for Initializer {
    type Err = UnknownInitializer;

    /// A name or an alias (`he_normal`, `glorot_uniform`, `truncated_normal`...), with default parameters.
    fn from_str(text: &str) -> Result<Self, UnknownInitializer> {
        let (name, truncated) = canonical(text);
        let initializer = Self::by_name(&name).ok_or_else(|| UnknownInitializer {
            name: text.to_owned(),
        })?;
        Ok(if truncated {
            initializer.truncated()
        } else {
            initializer
        })
    }
}

impl fmt::Display for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Initializer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_default() {
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
                let (name, truncated) = canonical(&text);
                let initializer = Initializer::from_table(&name, &mut map)?;
                if map.next_key::<String>()?.is_some() {
                    return Err(de::Error::custom(format!(
                        "{text:?} is followed by a second initializer; one rule has one"
                    )));
                }
                Ok(if truncated {
                    initializer.truncated()
                } else {
                    initializer
                })
            }
        }
        deserializer.deserialize_any(Named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (alias, name, _) in ALIASES {
            assert_eq!(alias.parse::<Initializer>().unwrap().name(), name);
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
    }
}
