//! Recipes by name or by file.

use std::path::{Path, PathBuf};

use semilla::Recipe;
use semilla::recipe::{RecipeError, RecipeFile};

use super::{TextError, read_text};

/// Recipes are short.
const MAX_BYTES: u64 = 1 << 20;

/// Why there is no recipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadRecipeError {
    /// The file cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// No built-in recipe has the name, or a file holds no recipe.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

/// A built-in recipe by its name, or the recipe of a file: a name that ends in `.toml` or has a
/// folder in it. Files that a recipe extends are found from the folder of the file that says so.
///
/// # Errors
/// [`ReadRecipeError`].
///
/// ```
/// use semilla_checkpoint::ops::read_recipe;
///
/// let folder = tempfile::tempdir()?;
/// let [base, mine] = ["base.toml", "mine.toml"].map(|name| folder.path().join(name));
/// std::fs::write(&base, "name = \"base\"\nextends = \"llama-hf\"")?;
/// std::fs::write(&mine, "name = \"mine\"\nextends = \"base.toml\"")?;
/// assert_eq!(read_recipe(mine.to_str().unwrap())?.name, "mine");
/// assert_eq!(read_recipe("gpt2")?.name, "gpt2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_recipe(name: &str) -> Result<Recipe, ReadRecipeError> {
    if !RecipeFile::is_named_by(name) {
        return Ok(Recipe::named(name)?);
    }
    let file = opened(Path::new(name))?;
    Ok(Recipe::from_file(&file, beside)?)
}

/// The file that the recipe at `place` extends.
fn beside(place: &str, path: &str) -> Result<RecipeFile, TextError> {
    let folder = Path::new(place).parent().unwrap_or(Path::new(""));
    opened(&folder.join(path))
}

fn opened(path: &Path) -> Result<RecipeFile, TextError> {
    let text = read_text(path, MAX_BYTES)?;
    // One file has one place, by whatever way it is reached.
    let place: PathBuf = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok(RecipeFile {
        place: place.display().to_string(),
        text,
    })
}
