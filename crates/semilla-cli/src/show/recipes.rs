//! The built-in recipes.

use semilla::Recipe;
use semilla::recipe::ByRole;
use serde::Serialize;

use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::table::Table;

/// A recipe in the list.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    source: String,
}

/// Prints a line for each recipe.
pub(crate) fn all(output: &mut Output) -> Result<(), Failure> {
    let mut entries = Vec::new();
    for &name in Recipe::NAMES {
        let source = Recipe::named(name).map_err(semilla_checkpoint::ops::ReadRecipeError::from)?;
        let source = source.source;
        entries.push(Entry { name, source });
    }
    if output.is_json() {
        return output.json(&entries);
    }
    let mut table = Table::new(["recipe", "does"]);
    for Entry { name, source } in entries {
        table.row([name.to_owned(), source]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "semilla recipes NAME prints one; extends = \"NAME\" in a recipe of yours starts from it"
    ))
}

/// Prints what `transformers`, which is code, follows.
pub(crate) fn transformers(output: &mut Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Described {
        model_types: Vec<&'static str>,
    }
    let model_types = semilla::family::model_types();
    if output.is_json() {
        return output.json(&Described { model_types });
    }
    output.line(format_args!(
        "Every tensor as the class of transformers that config.json names initializes it.\n\
         Described are the model_types {}",
        model_types.join(", ")
    ))
}

/// Prints what `auto`, which is code, does with each role.
pub(crate) fn auto(output: &mut Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Row<'a> {
        role: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        when: &'a str,
        init: String,
        reason: &'a str,
    }
    let rows = Recipe::auto_by_role();
    let row = |row: &'_ ByRole| (row.role.name(), row.when, row.initializer.to_string());
    if output.is_json() {
        let rows: Vec<Row<'_>> = rows
            .iter()
            .map(|by_role| {
                let (role, when, init) = row(by_role);
                let reason = &by_role.reason;
                Row {
                    role,
                    when,
                    init,
                    reason,
                }
            })
            .collect();
        return output.json(&rows);
    }
    output.line(format_args!(
        "auto is code, not TOML: it decides by a tensor's role and by what is known around it."
    ))?;
    let mut table = Table::new(["role", "when", "init", "why"]);
    for by_role in &rows {
        let (role, when, init) = row(by_role);
        table.row([
            role.to_owned(),
            when.to_owned(),
            init,
            by_role.reason.clone(),
        ]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "A recipe with extends = \"auto\" puts rules of its own before these."
    ))
}
