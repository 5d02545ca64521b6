//! Files that hold no weights, recognized by their first bytes.

use std::fmt;

/// The kind of file that was found where weights were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LooksLike {
    /// A file of no bytes.
    Empty,
    /// A page of a website, which a server sent in the place of the file.
    Html,
    /// The words of a server that did not send the file, such as "Entry not found".
    Answer,
    /// A JSON description of a model or a tokenizer, such as `config.json`.
    Configuration,
    /// Any other text.
    Text,
    /// Bytes that no reader knows.
    Unknown,
}

impl LooksLike {
    /// Guesses from the first bytes of a file that no reader knows.
    pub(crate) fn guess(start: &[u8]) -> Self {
        let text = start.trim_ascii_start();
        let begins = |tag: &[u8]| {
            text.get(..tag.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(tag))
        };
        match () {
            () if start.is_empty() => LooksLike::Empty,
            () if begins(b"<!doctype html") || begins(b"<html") => LooksLike::Html,
            () if begins(b"<?xml") || is_line(text) => LooksLike::Answer,
            () if is_text(start) => LooksLike::Text,
            () => LooksLike::Unknown,
        }
    }
}

/// Whether text is one short line with several words.
fn is_line(text: &[u8]) -> bool {
    const MOST: usize = 200;
    let line = text.trim_ascii_end();
    let words = line.split(|byte| *byte == b' ').count();
    is_text(line) && line.len() < MOST && !line.contains(&b'\n') && words > 1
}

/// Whether bytes are text without control characters; the last character may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let whole = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !whole.chars().any(|c| c.is_control() && !c.is_whitespace())
}

impl fmt::Display for LooksLike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LooksLike::Empty => "the file is empty; fetch it again",
            LooksLike::Html => {
                "this is an HTML page, perhaps an answer of the server; fetch the file itself"
            }
            LooksLike::Answer => {
                "this is a server's answer and not the file, which may have moved or ask for a \
                 login; fetch the file itself"
            }
            LooksLike::Configuration => {
                "this is a JSON configuration; give the file of weights beside it"
            }
            LooksLike::Text => "this is a text file; give a file of weights",
            LooksLike::Unknown => {
                "no known format starts like this, so the file may be damaged or cut short"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_weights() {
        for (start, expected) in [
            (&b""[..], LooksLike::Empty),
            (b"\n<!DOCTYPE HTML>\n<html>", LooksLike::Html),
            (b"<html lang=\"en\">", LooksLike::Html),
            (b"Entry not found", LooksLike::Answer),
            (b"<?xml version=\"1.0\"?>\n<Error><Code>", LooksLike::Answer),
            (b"# Weights\nr\xc3\xa9sum\xc3", LooksLike::Text),
            (b"# A model\nSee below.\n", LooksLike::Text),
            (b"[1,2]", LooksLike::Text),
            (b"text\0", LooksLike::Unknown),
            (b"\xff\xfe", LooksLike::Unknown),
        ] {
            assert_eq!(LooksLike::guess(start), expected, "{start:?}");
        }
    }
}
