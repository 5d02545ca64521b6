//! Renames of a checkpoint's tensors.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use super::error::TransferError;

/// The size limit of a compiled expression: those of recipes are short.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Applies renames in order to every name, each to the result of the earlier ones.
///
/// # Errors
/// An expression does not compile, or matches no name.
pub(super) fn renamed(
    names: &[&str],
    rules: &[(String, String)],
) -> Result<Vec<String>, TransferError> {
    let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    for (pattern, replacement) in rules {
        let regex = compile(pattern)?;
        let mut fired = false;
        for name in &mut names {
            if regex.is_match(name) {
                fired = true;
                *name = regex.replace_all(name, replacement.as_str()).into_owned();
            }
        }
        if !fired {
            return Err(TransferError::Unfired {
                what: "rename (--rename)",
                rule: pattern.clone(),
                side: "checkpoint",
                hint: String::new(),
            });
        }
    }
    Ok(names)
}

/// Compiles an expression of a recipe.
pub(super) fn compile(pattern: &str) -> Result<Regex, TransferError> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| TransferError::Pattern {
            pattern: pattern.to_owned(),
            problem: error.to_string(),
        })
}

/// The first name that occurs twice, with the indices of both tensors.
pub(super) fn collision(names: &[(usize, String)]) -> Option<(&str, usize, usize)> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, name) in names {
        if let Some(first) = seen.insert(name, *index) {
            return Some((name, first, *index));
        }
    }
    None
}
