use semilla::Recipe;

use crate::args::recipes::RecipesArgs;
use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::recipes;

/// `semilla recipes`: the built-in recipes, or the text of one.
pub(crate) fn run(args: &RecipesArgs, output: &mut Output) -> Result<(), Failure> {
    let Some(name) = args.name.as_deref() else {
        return recipes::all(output);
    };
    match (name, Recipe::toml(name)) {
        (_, Some(text)) => recipes::text(name, text, output),
        ("auto", None) => recipes::auto(output),
        (_, None) => recipes::code(name, output),
    }
}
