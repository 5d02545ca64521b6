use semilla::Recipe;

use crate::args::recipes::RecipesArgs;
use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::{recipes, toml};

/// `semilla recipes`: the built-in recipes, or the text of one.
pub(crate) fn run(args: &RecipesArgs, output: &mut Output) -> Result<(), Failure> {
    match args.name.as_deref() {
        None => recipes::all(output),
        Some(name) => match Recipe::toml(name) {
            Some(text) => toml::print(name, text, output),
            None if name == "transformers" => recipes::transformers(output),
            None => recipes::auto(output),
        },
    }
}
