//! The tokens of a text: its bytes, or what a tokenizer makes of it.

use std::ops::Range;
use std::path::Path;

use tokenizers::Tokenizer;

use crate::bytes::bytes;
use crate::error::DataError;

/// The most bytes of a text that a tokenizer takes at once.
const MOST: usize = 1 << 26;

/// The tokens of a text, in as few bytes as they need.
pub(crate) enum Tokens {
    Bytes(Vec<u8>),
    Ids(Vec<u32>),
}

impl Tokens {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Ids(ids) => ids.len(),
        }
    }

    /// The ids of some tokens.
    pub(crate) fn window(&self, places: Range<usize>) -> Vec<i64> {
        match self {
            Self::Bytes(bytes) => bytes[places].iter().map(|&byte| byte.into()).collect(),
            Self::Ids(ids) => ids[places].iter().map(|&id| id.into()).collect(),
        }
    }
}

/// A text's tokens, and a sentence about them.
pub(crate) fn tokens(path: &Path, tokenizer: Option<&Path>) -> Result<(Tokens, String), DataError> {
    let text = bytes(path)?;
    let Some(tokenizer) = tokenizer else {
        let remark = format!("each byte of {} is a token", path.display());
        return Ok((Tokens::Bytes(text), remark));
    };
    if text.len() > MOST {
        return Err(DataError::TooLarge {
            path: path.to_owned(),
            what: "a text for a tokenizer",
            limit: format!("{} MiB", MOST >> 20),
        });
    }
    let known = read(tokenizer)?;
    let text = String::from_utf8(text).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let problem = format!("a tokenizer takes UTF-8, and the byte {place} is none");
        DataError::content(path, problem)
    })?;
    // A window is a piece of the text: no tokens that stand for its beginning or its end.
    let encoded = known.encode_fast(text, false).map_err(|error| {
        DataError::content(path, format!("the tokenizer does not take it: {error}"))
    })?;
    let ids = encoded.get_ids().to_vec();
    let remark = format!(
        "{} is {} tokens of {}",
        path.display(),
        ids.len(),
        tokenizer.display()
    );
    Ok((Tokens::Ids(ids), remark))
}

/// A tokenizer that takes texts of any length.
fn read(path: &Path) -> Result<Tokenizer, DataError> {
    let wrong = |error: tokenizers::Error| {
        let problem = format!("it is no tokenizer.json of Hugging Face's tokenizers: {error}");
        DataError::content(path, problem)
    };
    let mut tokenizer = Tokenizer::from_bytes(bytes(path)?).map_err(wrong)?;
    // Its file may say how long one sample of its model is.
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(wrong)?;
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words between spaces, three of them known.
    const WORDS: &str = r#"{"version": "1.0", "padding": null,
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "the": 1, "seed": 2, "grows": 3},
            "unk_token": "[UNK]"}}"#;

    fn files(text: &[u8], tokenizer: &str) -> (tempfile::TempDir, [std::path::PathBuf; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let [path, own] = ["text.txt", "tokenizer.json"].map(|name| folder.path().join(name));
        std::fs::write(&path, text).unwrap();
        std::fs::write(&own, tokenizer).unwrap();
        (folder, [path, own])
    }

    #[test]
    fn bytes_or_words() {
        let (_folder, [path, own]) = files(b"The seed grows\nfast", WORDS);
        let (ids, remark) = tokens(&path, Some(&own)).unwrap();
        assert_eq!(ids.window(0..ids.len()), [1, 2, 3, 0]);
        assert!(remark.contains("is 4 tokens of"), "{remark}");
        let (bytes, _) = tokens(&path, None).unwrap();
        assert_eq!(bytes.window(0..3), [84, 104, 101]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let (_folder, [path, own]) = files(b"\xff", WORDS);
        let said = |own: &Path| tokens(&path, Some(own)).err().unwrap().to_string();
        assert!(said(&own).contains("the byte 0 is none"), "{}", said(&own));
        std::fs::write(&own, "{}").unwrap();
        assert!(said(&own).contains("no tokenizer.json"), "{}", said(&own));
    }
}
