//! What a page may do.

use sha2::{Digest, Sha256};

/// A policy under which a page runs its own styles and scripts, known by their hashes. It asks for
/// nothing; a live page may ask the server that it comes from.
pub(super) fn policy<'a>(
    styles: impl Iterator<Item = &'a str>,
    scripts: impl Iterator<Item = &'a str>,
    is_live: bool,
) -> String {
    let listed = |texts: &mut dyn Iterator<Item = &'a str>| -> String {
        let sources = texts.map(|text| format!("'{}'", source(text)));
        sources.collect::<Vec<String>>().join(" ")
    };
    let (mut styles, mut scripts) = (styles, scripts);
    format!(
        "default-src 'none'; style-src {}; script-src {};{} base-uri 'none'; form-action 'none'",
        listed(&mut styles),
        listed(&mut scripts),
        if is_live { " connect-src 'self';" } else { "" }
    )
}

fn source(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text)))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > three.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn base64_of_every_length() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let encoded = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        assert_eq!(texts.map(|text| base64(text.as_bytes())), encoded);
    }

    #[test]
    fn hashes_of_sources() {
        let empty = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(source(""), empty);
    }
}
