//! What Python says of a recipe.

use pyo3::prelude::*;
use semilla::recipe::RecipeError;
use semilla::{Initializer, Recipe};
use semilla_checkpoint::ops::{Described, read_recipe};

use crate::errors::raised;

/// A recipe by name or file, or one initializer for all weights, or else the model's own; behind
/// rules in JSON.
pub(crate) fn recipe(
    model: &Described,
    name: Option<&str>,
    scheme: Option<&str>,
    rules: Option<&str>,
) -> PyResult<Recipe> {
    let recipe = match (scheme, name) {
        (Some(scheme), _) => Recipe::scheme(scheme.parse::<Initializer>().map_err(raised)?),
        (None, Some(name)) => read_recipe(name).map_err(raised)?,
        (None, None) => model.recipe(),
    };
    let Some(rules) = rules else {
        return Ok(recipe);
    };
    let mut json = serde_json::Deserializer::from_str(rules);
    recipe
        .behind(&mut json)
        .map_err(|error: RecipeError| raised(error))
}
