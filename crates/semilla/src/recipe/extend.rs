//! Recipes that start from others.

use std::error::Error;
use std::sync::Arc;

use super::built_in;
use super::draft::Draft;
use super::error::RecipeError;
use super::last_resort::LastResort;

/// Recipes in a chain, at most.
const MAX_CHAIN: usize = 16;

/// A recipe file: its text, and the place from which the files that it extends are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeFile {
    /// Its path; one file has one place, however it is reached.
    pub place: String,
    /// The TOML.
    pub text: String,
}

impl RecipeFile {
    /// Whether a recipe is asked for by a path: the built-in ones have plain names.
    pub fn is_named_by(name: &str) -> bool {
        name.contains(['/', '\\']) || name.to_ascii_lowercase().ends_with(".toml")
    }
}

/// The draft of a recipe and of all that it extends, and the code that is the last of them.
pub(super) fn read<E: Error + Send + Sync + 'static>(
    file: &RecipeFile,
    mut open: impl FnMut(&str, &str) -> Result<RecipeFile, E>,
) -> Result<(Draft, LastResort), RecipeError> {
    let mut draft = Draft::read(&file.text)?;
    let mut places = vec![file.place.clone()];
    while let Some(extended) = draft.extends.take() {
        if let Some(code) = LastResort::named(&extended) {
            return Ok((draft, code));
        }
        let last = places.last().map_or("", String::as_str);
        let next = match RecipeFile::is_named_by(&extended) {
            true => open(last, &extended).map_err(|error| RecipeError::File {
                path: extended.clone(),
                error: Arc::new(error),
            })?,
            false => built_in(&extended)?,
        };
        let is_ring = places.contains(&next.place);
        places.push(next.place);
        if is_ring {
            return Err(RecipeError::Ring { places });
        }
        if places.len() > MAX_CHAIN {
            return Err(RecipeError::Chain { limit: MAX_CHAIN });
        }
        let parent = Draft::read(&next.text).map_err(|error| RecipeError::Extended {
            path: extended,
            error: Box::new(error),
        })?;
        draft.inherit(parent);
    }
    Ok((draft, LastResort::Nothing))
}

fn built_in(name: &str) -> Result<RecipeFile, RecipeError> {
    let text = built_in::text(name).ok_or_else(|| RecipeError::unknown(name))?;
    Ok(RecipeFile {
        // No path reads so.
        place: format!("the built-in {name}"),
        text: text.to_owned(),
    })
}
