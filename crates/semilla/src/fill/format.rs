//! Fills as text: a table of one kind and its parameters, or a name alone.
//!
//! The distributions stand among the kinds, by their own names. An error names the kind and the
//! parameter.

use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, VariantAccess,
    Visitor,
};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize, forward_to_deserialize_any};

use super::kinds::{Fill, Load, Projection, Section, StatePart};
use crate::distribution::Distribution;
use crate::layout::Layout;
use crate::stream::Key;
use crate::suggest::did_you_mean;

/// Every kind but the distributions, as serde reads and writes it.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Fill", rename_all = "snake_case")]
enum Named {
    Constant {
        value: f64,
    },
    Eye {
        gain: f64,
    },
    Dirac {
        groups: usize,
        layout: Layout,
    },
    Sparse {
        std: f64,
        zeros: usize,
    },
    Orthogonal {
        gain: f64,
        rows: usize,
    },
    Stacked {
        of: Box<Fill>,
    },
    DeltaOrthogonal {
        gain: f64,
        layout: Layout,
    },
    Hadamard {
        layout: Layout,
    },
    LooksLinear {
        gain: f64,
    },
    Mirrored {
        axes: Vec<usize>,
        of: Box<Fill>,
    },
    Centred {
        axis: usize,
        of: Box<Fill>,
    },
    Repeated {
        axis: usize,
        repeats: usize,
        of: Box<Fill>,
    },
    Bilinear {
        layout: Layout,
    },
    Blocks {
        axis: usize,
        sections: Vec<Section>,
        #[serde(default = "one", skip_serializing_if = "is_one")]
        turns: usize,
    },
    Padded {
        row: usize,
        of: Box<Fill>,
    },
    LogUniform {
        low: f64,
        high: f64,
        sign: f64,
    },
    Sinusoidal {
        base: f64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        halves: bool,
    },
    RotaryFrequencies {
        base: f64,
    },
    S4d {
        part: StatePart,
    },
    MambaDtBias {
        dt_min: f64,
        dt_max: f64,
        floor: f64,
    },
    Mimetic {
        part: Projection,
        heads: usize,
        alpha: f64,
        beta: f64,
        noise: Key,
        out_first: bool,
    },
    Norms {
        axis: usize,
        of: Box<Fill>,
        shape: Vec<usize>,
        key: Key,
    },
    Values {
        values: Vec<f64>,
    },
    Arange,
    Keep,
    Load(Load),
    #[serde(skip)]
    Draw(Distribution),
}

fn one() -> usize {
    1
}

fn is_one(turns: &usize) -> bool {
    *turns == 1
}

impl Serialize for Fill {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Fill::Draw(distribution) => distribution.serialize(serializer),
            fill => Named::serialize(fill, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fill {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FillVisitor)
    }
}

struct FillVisitor;

impl<'de> Visitor<'de> for FillVisitor {
    type Value = Fill;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fill: a table of one kind and its parameters, or a kind's name")
    }

    fn visit_str<E: Error>(self, kind: &str) -> Result<Fill, E> {
        let parameters: Option<NoParameters<'de, E>> = None;
        read(Tagged { kind, parameters })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fill, A::Error> {
        let kind: String = map
            .next_key()?
            .ok_or_else(|| Error::custom("an empty table is no fill; name a kind of fill"))?;
        let parameters = Some(&mut map);
        let fill = read(Tagged {
            kind: &kind,
            parameters,
        })?;
        match map.next_key::<String>()? {
            None => Ok(fill),
            Some(second) => Err(Error::custom(format!(
                "a fill is of one kind, not {kind:?} and {second:?}"
            ))),
        }
    }
}

type NoParameters<'de, E> = MapDeserializer<'de, std::iter::Empty<(&'de str, &'de str)>, E>;

/// Reads a kind whose name is known already.
fn read<'de, A: MapAccess<'de>>(tagged: Tagged<'_, A>) -> Result<Fill, A::Error> {
    let kind = tagged.kind;
    let is_drawn = Distribution::KINDS.contains(&kind);
    let fill = match is_drawn {
        true => Distribution::deserialize(tagged).map(Fill::Draw),
        false => Named::deserialize(tagged),
    };
    fill.map_err(|error| Error::custom(format!("fill {kind:?}: {error}")))
}

/// A kind's name, and the table that its parameters come next in.
struct Tagged<'k, A> {
    kind: &'k str,
    parameters: Option<A>,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Tagged<'_, A> {
    type Error = A::Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        kinds: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        if kinds.contains(&self.kind) {
            return visitor.visit_enum(self);
        }
        let known: Vec<&str> = kinds.iter().chain(&Distribution::KINDS).copied().collect();
        Err(Error::custom(format!(
            "there is no such kind; choose one of {}{}",
            known.join(", "),
            did_you_mean(self.kind, known.iter().copied())
        )))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Tagged<'_, A> {
    type Error = A::Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), A::Error> {
        Ok((seed.deserialize(self.kind.into_deserializer())?, self))
    }
}

impl<'de, A: MapAccess<'de>> Tagged<'_, A> {
    fn value<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        match self.parameters {
            Some(mut map) => map.next_value_seed(seed),
            None => Err(Error::custom("it needs a table of parameters")),
        }
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Tagged<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        match self.parameters {
            Some(mut map) => map.next_value(),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.value(Inner(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(Error::custom("its parameters go by name"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.value(Parameters(visitor))
    }
}

/// Reads a value through [`Parameters`].
struct Inner<T>(T);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Inner<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Inner(deserializer))
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Inner<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Parameters(visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// Reads a table of parameters, and names the one that an error lies in.
struct Parameters<T>(T);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Parameters<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Parameters<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let name = String::new();
        self.0.visit_map(Entries { map, name })
    }
}

struct Entries<A> {
    map: A,
    /// The parameter that is read.
    name: String,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.map.next_key()? else {
            return Ok(None);
        };
        self.name = name;
        seed.deserialize(self.name.as_str().into_deserializer())
            .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.map.next_value_seed(seed);
        value.map_err(|error| Error::custom(format!("{}: {error}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        serde_json::from_str::<Fill>(text).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_kind_and_the_parameter() {
        let cases = [
            (
                r#"{"normal": {"mean": 0, "std": "a"}}"#,
                "fill \"normal\": std: invalid type: string \"a\", expected f64 at line 1",
            ),
            (
                r#"{"normal": {"mean": 0, "sd": 1}}"#,
                "fill \"normal\": unknown field `sd`, expected `mean` or `std` at line 1",
            ),
            (
                r#"{"orthogonal": {"gain": 1}}"#,
                "fill \"orthogonal\": missing field `rows` at line 1",
            ),
            (
                r#"{"blocks": {"sections": [{"fill": {"eye": {"gain": []}}}]}}"#,
                "fill \"blocks\": sections: fill \"eye\": gain: invalid type: sequence",
            ),
            (
                r#"{"load": {"source": "x", "tensor": "w"}}"#,
                "fill \"load\": source: invalid type: string \"x\", expected usize",
            ),
            (
                r#"{"norml": {"mean": 0, "std": 1}}"#,
                "fill \"norml\": there is no such kind; choose one of constant, eye, dirac",
            ),
            (
                r#""constant""#,
                "fill \"constant\": it needs a table of parameters",
            ),
            (
                r#"{"arange": 3}"#,
                "fill \"arange\": invalid type: integer `3`, expected unit",
            ),
            (r"{}", "an empty table is no fill; name a kind of fill"),
            (
                r"3",
                "invalid type: integer `3`, expected a fill: a table of one kind",
            ),
            (
                r#"{"arange": null, "keep": null}"#,
                "a fill is of one kind, not \"arange\" and \"keep\"",
            ),
        ];
        for (text, expected) in cases {
            let found = error(text);
            assert!(found.starts_with(expected), "{text}\n{found}\n{expected}");
        }
        assert!(
            error(r#""nothing""#).ends_with(
                "arange, keep, load, uniform, normal, truncated_normal at line 1 column 9"
            )
        );
    }

    /// The text form as plans of format 1 have it.
    #[test]
    fn text_is_as_it_was() {
        for text in [
            r#""arange""#,
            r#""keep""#,
            r#"{"constant":{"value":0.5}}"#,
            r#"{"normal":{"mean":0.0,"std":0.02}}"#,
            r#"{"truncated_normal":{"mean":0.0,"std":1.0,"low":-2.0,"high":2.0}}"#,
            r#"{"padded":{"row":1,"of":{"uniform":{"low":0.0,"high":1.0}}}}"#,
            r#"{"load":{"source":0,"tensor":"w","axes":[[{"from":0,"to":0,"len":2}]]}}"#,
            r#"{"s4d":{"part":"a_log"}}"#,
        ] {
            let fill: Fill = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&fill).unwrap(), text);
        }
        let names = Distribution::KINDS.map(|kind| format!("{{\"{kind}\":{{}}}}"));
        for name in names {
            assert!(error(&name).contains("missing field"), "{name}");
        }
    }

    #[test]
    fn toml_is_read_too() {
        #[derive(Debug, Deserialize)]
        struct Line {
            fill: Fill,
        }
        let read = |text: &str| toml::from_str::<Line>(text).map(|line| line.fill);
        let fill = Fill::Orthogonal { gain: 1.0, rows: 4 };
        assert_eq!(
            read("fill = { orthogonal = { gain = 1, rows = 4 } }").unwrap(),
            fill
        );
        assert_eq!(read("fill = 'keep'").unwrap(), Fill::Keep);
        let error = read("fill = { sparse = { std = 1.0, zeros = -1 } }")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("fill \"sparse\": zeros: invalid value: integer `-1`"),
            "{error}"
        );
    }
}
