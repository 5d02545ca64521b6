//! The built-in families.

use std::sync::OnceLock;

use super::definition::Family;
use super::read::read;

macro_rules! files {
    ($($name:literal)*) => {
        const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../families/", $name, ".family")))),*];
    };
}

files! {
    "common" "gpt2" "llama" "phi" "mixtral" "moe" "bert" "deberta" "modernbert" "t5" "bart" "vit" "stages" "clip" "mamba" "sam" "wav2vec2"
}

/// The family that all others are like.
pub(super) const COMMON: &str = "common";

/// All families.
pub(super) fn families() -> &'static [Family] {
    static ALL: OnceLock<Vec<Family>> = OnceLock::new();
    ALL.get_or_init(|| {
        let all = FILES.iter().map(|(name, text)| {
            match read(text) {
                Ok(families) => families,
                // A test reads them all.
                Err(mistake) => panic!("families/{name}.family: {mistake}"),
            }
        });
        all.flatten().collect()
    })
}

/// The family of a `model_type`.
pub(super) fn family(model_type: &str) -> Option<&'static Family> {
    let is_named = |family: &&Family| family.types.iter().any(|name| name == model_type);
    families().iter().find(is_named)
}

/// Every `model_type` that is described, in alphabetical order. Families without a class are there
/// for others to be like.
pub fn model_types() -> Vec<&'static str> {
    let all = families().iter().filter(|family| family.class.is_some());
    let all = all.flat_map(|family| &family.types);
    let mut types: Vec<&str> = all.map(String::as_str).collect();
    types.sort_unstable();
    types
}
