//! Errors of reading and of applying a recipe.

use super::built_in::NAMES;

/// Why a recipe cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// No such built-in recipe.
    #[error("unknown recipe {name:?}{hint}; the built-in ones are {}, a file ends in .toml", NAMES.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// A suggestion, if a known name is similar; otherwise empty.
        hint: String,
    },
    /// The TOML cannot be read: with line and column.
    #[error("cannot read the recipe: {0}")]
    Syntax(String),
    /// A regular expression that does not compile, or would be too large.
    #[error("cannot read the recipe: rule {rule}: regex {pattern:?}: {problem}")]
    Regex {
        /// The rule's number, from 1.
        rule: usize,
        /// The expression.
        pattern: String,
        /// The reason.
        problem: String,
    },
    /// Too long to be a recipe.
    #[error("the recipe has {found} {what}, more than the limit of {limit}")]
    TooLarge {
        /// The thing that is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// `transformers` without a configuration.
    #[error(
        "recipe \"transformers\" gives a model the initial values of its own class, which its \
         config.json names: plan that file, put it beside the weights, or give --config"
    )]
    NeedsConfig,
    /// Tensors that the configuration's class does not have.
    #[error(
        "the model's config.json describes no such tensors: {}; choose another recipe, or leave \
         them out",
        list(.names, *.count)
    )]
    NotDescribed {
        /// The first of their names, with their shapes and roles.
        names: Vec<String>,
        /// How many.
        count: usize,
    },
    /// Tensors that no rule matches.
    #[error(
        "recipe {recipe:?} has no rule for {count} tensors: {}; add a rule, such as {example}, or \
         `unmatched = \"...\"` for the rest",
        list(.names, *.count)
    )]
    Unmatched {
        /// The recipe.
        recipe: String,
        /// The first of their names, with their shapes and roles.
        names: Vec<String>,
        /// How many.
        count: usize,
        /// A rule that would decide the first.
        example: String,
    },
    /// Rules that match nothing.
    #[error(
        "recipe {recipe:?} has rules that match no tensor: {}; correct them, or mark them `optional = true`",
        list(.rules, *.count)
    )]
    Unused {
        /// The recipe.
        recipe: String,
        /// The first of them.
        rules: Vec<String>,
        /// How many.
        count: usize,
    },
}

fn list(names: &[String], count: usize) -> String {
    let more = count - names.len();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    names.join(", ") + &rest
}
