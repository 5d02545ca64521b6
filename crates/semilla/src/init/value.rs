//! Parameters' values as text: `0.02`, `fan_out`, `[0, 1]`, `leaky_relu(0.2)`, `"attn"`.

use std::fmt::Debug;

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::parameters::{Bounds, Mode, Projection, Shape, Sides, StatePart};
use crate::activation::Activation;
use crate::expression::Scalar;
use crate::number::Short;

/// A parameter's value that can be written so that [`Written`] reads it back.
pub(super) trait Text {
    /// The text.
    fn text(&self) -> String;
}

impl Text for Scalar {
    fn text(&self) -> String {
        match self.expression() {
            // An expression that reads as a plain number would come back as one.
            Some(text) if text.parse::<f64>().is_ok() => quoted(text),
            Some(text) => text.to_owned(),
            None => self
                .value(&())
                .map_or_else(|_| self.to_string(), |value| Short(value).to_string()),
        }
    }
}

impl Text for String {
    fn text(&self) -> String {
        quoted(self)
    }
}

impl<T: Text> Text for Option<T> {
    fn text(&self) -> String {
        self.as_ref().map(Text::text).unwrap_or_default()
    }
}

impl<T: Text> Text for Vec<T> {
    fn text(&self) -> String {
        let texts: Vec<String> = self.iter().map(Text::text).collect();
        format!("[{}]", texts.join(", "))
    }
}

impl<T: Text> Text for Box<T> {
    fn text(&self) -> String {
        (**self).text()
    }
}

macro_rules! as_displayed {
    ($($type:ty)*) => {$(
        impl Text for $type {
            fn text(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

as_displayed! { Activation bool usize }

macro_rules! as_variant {
    ($($type:ty)*) => {$(
        impl Text for $type {
            fn text(&self) -> String {
                snake_case(self)
            }
        }
    )*};
}

as_variant! { Bounds Mode Projection Shape Sides StatePart }

/// A variant's name as serde writes it: `FanOut` is `fan_out`.
fn snake_case(variant: &impl Debug) -> String {
    let mut name = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// The text between quotes; `None` for a text without them.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut plain = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        plain.push(if letter == '\\' {
            letters.next()?
        } else {
            letter
        });
    }
    Some(plain)
}

/// Brackets within brackets beyond this are refused before they can exhaust the call stack.
const MAX_DEPTH: usize = 40;

/// The parts between commas, without those inside brackets and quotes.
fn split(text: &str) -> Result<Vec<&str>, Error> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0usize);
    let (mut in_quotes, mut escaped) = (false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return Err(Error::custom("a bracket closes too early")),
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Error::custom("it is nested too deeply"));
        }
    }
    if depth > 0 || in_quotes {
        return Err(Error::custom(
            "a bracket or a quotation mark does not close",
        ));
    }
    let last = text[start..].trim();
    if !(parts.is_empty() && last.is_empty()) {
        parts.push(last);
    }
    Ok(parts)
}

/// A value read from its text; where a table is wanted, `parameter=value, ...`.
#[derive(Clone, Copy)]
pub(super) struct Written<'a>(pub(super) &'a str);

impl<'de> Deserializer<'de> for Written<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.0;
        if let Some(text) = unquoted(text) {
            return visitor.visit_string(text);
        }
        if let Some(list) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let values = split(list)?.into_iter().map(Written);
            return visitor.visit_seq(SeqDeserializer::new(values));
        }
        if let Ok(value) = text.parse::<bool>() {
            return visitor.visit_bool(value);
        }
        if let Ok(value) = text.parse::<u64>() {
            return visitor.visit_u64(value);
        }
        if let Ok(value) = text.parse::<f64>() {
            return visitor.visit_f64(value);
        }
        visitor.visit_str(text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut table = Vec::new();
        for part in split(self.0)? {
            let (parameter, value) = part
                .split_once('=')
                .ok_or_else(|| Error::custom(format_args!("{part:?} should be PARAMETER=VALUE")))?;
            table.push((parameter.trim(), Written(value.trim())));
        }
        visitor.visit_map(MapDeserializer::new(table.into_iter()))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Written<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[test]
    fn variants_are_written_as_serde_writes_them() {
        fn check<T: Text + serde::Serialize>(values: &[T]) {
            for value in values {
                let json = serde_json::to_string(value).unwrap();
                assert_eq!(json, format!("{:?}", value.text()));
            }
        }
        check(&[Mode::FanIn, Mode::FanOut, Mode::FanAvg, Mode::FanGeoAvg]);
        check(&[Shape::Normal, Shape::TruncatedNormal, Shape::Uniform]);
        check(&[Bounds::Std, Bounds::Absolute]);
        check(&[StatePart::ALog, StatePart::Real, StatePart::LinLogReal]);
        check(&[StatePart::LinImaginary]);
        check(&[Projection::Query, Projection::Key, Projection::Value]);
        check(&[Projection::Output]);
    }

    #[test]
    fn parts_end_at_commas_outside_of_brackets_and_quotes() {
        let parts = split(r#"a=min(1, 2), b=[1, 2], c="x, \" (""#).unwrap();
        assert_eq!(parts, ["a=min(1, 2)", "b=[1, 2]", r#"c="x, \" (""#]);
        assert!(split(" ").unwrap().is_empty());
        for bad in ["(", ")", "\"", "[(]", &"(".repeat(50)] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scalar_that_is_a_number_in_quotes_stays_one() {
        for scalar in [
            Scalar::from(1e-5),
            "2".parse().unwrap(),
            "1 / 3".parse().unwrap(),
        ] {
            let text = scalar.text();
            assert_eq!(Scalar::deserialize(Written(&text)).unwrap(), scalar);
        }
    }
}
