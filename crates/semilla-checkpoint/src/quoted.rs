//! Text of files in messages.

use std::fmt;

/// Text from a file, made safe to print: quoted, control characters escaped, clipped.
#[derive(Clone, PartialEq, Eq)]
pub struct Quoted(Box<str>);

impl Quoted {
    const MAX_CHARS: usize = 300;

    /// Quotes `text`.
    pub fn new(text: &str) -> Self {
        let clipped: String = text.chars().take(Self::MAX_CHARS).collect();
        let ellipsis = if clipped.len() < text.len() {
            "..."
        } else {
            ""
        };
        Self(format!("{clipped:?}{ellipsis}").into())
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
