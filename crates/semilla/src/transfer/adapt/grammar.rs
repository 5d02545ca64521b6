//! Operations written as text: `overlap`, `channels:sum`, `positions:prefix=1,grid=[16,16]`.

use std::str::FromStr;

use serde::Deserialize;

use super::op::Op;
use crate::suggest::expected_word;

/// A text that is not an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the operation {text:?}: {problem}; write NAME, NAME:VALUE or NAME:KEY=VALUE,..., \
     such as overlap, channels:preserve, positions:prefix=1, grow:heads=[6,12]"
)]
pub struct InvalidOp {
    text: String,
    problem: String,
}

impl FromStr for Op {
    type Err = InvalidOp;

    /// Reads `NAME`, `NAME:VALUE` or `NAME:KEY=VALUE,...`, such as `overlap`, `channels:sum` or
    /// `positions:prefix=1,grid=[16,16]`. Values are written as in TOML, single words without
    /// quotes.
    ///
    /// # Errors
    /// No operation has this name, or its values do not fit it.
    fn from_str(text: &str) -> Result<Self, InvalidOp> {
        #[derive(Deserialize)]
        struct Document {
            op: Op,
        }
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let name = format!("{:?}", name.trim().replace('-', "_"));
        let forms = match argument {
            "" => vec![name.clone(), format!("{{ {name} = {{}} }}")],
            _ if argument.contains('=') => {
                vec![format!("{{ {name} = {{ {} }} }}", words_quoted(argument))]
            }
            word => vec![format!("{{ {name} = {:?} }}", word.trim())],
        };
        let mut problem = String::new();
        for form in forms {
            match toml::from_str::<Document>(&format!("op = {form}")) {
                Ok(document) => return Ok(document.op),
                Err(error) => {
                    let message = error.message();
                    problem = format!("{message}{}", expected_word(message));
                }
            }
        }
        let text = text.to_owned();
        Err(InvalidOp { text, problem })
    }
}

/// Writes `a=b` as `a="b"` where b is a word, and not true, false or a number.
fn words_quoted(argument: &str) -> String {
    let is_word = |value: &str| {
        value.starts_with(|c: char| c.is_alphabetic() || c == '/' || c == '.')
            && !matches!(value, "true" | "false" | "inf" | "nan")
    };
    let parts = argument.split(',').map(|part| match part.split_once('=') {
        Some((key, value)) if is_word(value.trim()) => {
            format!("{key} = {:?}", value.trim())
        }
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use crate::transfer::*;

    #[test]
    fn operations_are_read_from_text() {
        assert_eq!("overlap".parse(), Ok(Op::Overlap));
        assert_eq!(
            "channels:preserve".parse(),
            Ok(Op::Channels(Channels::Preserve))
        );
        assert_eq!(
            "patch".parse(),
            Ok(Op::Patch {
                filter: Filter::Bicubic
            })
        );
        let positions: Op = "positions:prefix=1,grid=[16, 12],filter=bilinear"
            .parse()
            .unwrap();
        let expected = Op::Positions {
            prefix: Some(1),
            from: None,
            grid: Some(vec![16, 12]),
            filter: Filter::Bilinear,
        };
        assert_eq!(positions, expected);
        let grow: Op = "grow:heads=[6,12],next=true".parse().unwrap();
        assert!(matches!(
            grow,
            Op::Grow(Grow {
                next: true,
                structure: Structure {
                    heads: Some([6, 12]),
                    ..
                },
                ..
            })
        ));
        for bad in [
            "",
            "chanels:sum",
            "channels",
            "positions:grid=",
            "grow:heads=6\nx=1",
            "patch:size=3",
        ] {
            assert!(bad.parse::<Op>().is_err(), "{bad}");
        }
        let rules: Transfer = toml::from_str(
            "adapt = [{ match = 'a.*', op = 'channels:sum' }, \
             { match = 'b', op = { rows = { new = 'mean', map = [3, [1, 2], -1] } } }]",
        )
        .unwrap();
        let text = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Transfer>(&text).unwrap(), rules);
    }
}
