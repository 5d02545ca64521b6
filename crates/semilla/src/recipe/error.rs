//! Errors of reading and of applying a recipe.

use std::error::Error;
use std::sync::Arc;

use super::built_in::NAMES;
use crate::suggest::did_you_mean;

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
    /// A rule that does nothing.
    #[error(
        "cannot read the recipe: rule {rule} has neither init nor a fact (layout, set); \
         give it one"
    )]
    Idle {
        /// The rule's number, from 1.
        rule: usize,
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
    /// A recipe that is extended cannot be read.
    #[error("cannot read {path:?}, which the recipe extends")]
    Extended {
        /// The recipe that is extended, as it is written.
        path: String,
        /// The reason.
        #[source]
        error: Box<RecipeError>,
    },
    /// The file of a recipe that is extended cannot be opened.
    #[error("cannot open {path:?}, which the recipe extends")]
    File {
        /// The file, as it is written.
        path: String,
        /// The reason.
        #[source]
        error: Arc<dyn Error + Send + Sync>,
    },
    /// Recipes that extend one another.
    #[error("recipes extend one another in a ring: {}; take one `extends` out", places.join(" extends "))]
    Ring {
        /// Their places, from the recipe that was read; the last is one of those before it.
        places: Vec<String>,
    },
    /// A recipe extends one that extends one...
    #[error(
        "the recipe extends another, that extends another, more than {limit} deep; put their rules together"
    )]
    Chain {
        /// How many are allowed.
        limit: usize,
    },
    /// `transformers` without a configuration.
    #[error(
        "recipe \"transformers\" gives a model the initial values of its own class, which its \
         config.json names: plan that file, put it beside the weights, or give --config"
    )]
    NeedsConfig,
    /// Tensors that the class of the model, or its configuration, says nothing of.
    #[error(
        "the model's own class describes no such tensors: {}; add a rule for them, choose another \
         recipe, or leave them out",
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
        "recipe {recipe:?} has no rule for {count} tensors: {}. Remedies: {}",
        list(.names, *.count), remedies(example, *.is_auto)
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
        /// Whether `auto` was asked, too.
        is_auto: bool,
    },
    /// Tensors of which something is only inferred, where that was refused.
    #[error(
        "strict: {count} tensors are planned by what is only inferred of them; state it in rules of \
         recipe {recipe:?}, or of one that extends it:\n{}",
        lines(.tensors, *.count)
    )]
    Inferred {
        /// The recipe.
        recipe: String,
        /// The first of them: name, shape, ground, and the rule that would state it.
        tensors: Vec<String>,
        /// How many.
        count: usize,
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

impl RecipeError {
    pub(super) fn unknown(name: &str) -> Self {
        let name: String = name.chars().take(80).collect();
        let hint = did_you_mean(&name, NAMES.iter().copied());
        Self::Unknown { name, hint }
    }
}

/// All ways to decide a tensor that no rule matches.
fn remedies(example: &str, is_auto: bool) -> String {
    let mut ways = vec![match is_auto {
        true => format!("add {example}, to a recipe with extends = \"auto\""),
        false => format!("add {example}"),
    }];
    ways.push("state what it is with set = { role = \"...\" }".to_owned());
    ways.push("init = \"keep\" leaves the values of the model's file, if it has any".to_owned());
    ways.push("unmatched = \"...\" names an initializer for all that is left".to_owned());
    if !is_auto {
        ways.push("extends = \"auto\", or --recipe auto, decides by role".to_owned());
    }
    ways.join("; ")
}

fn lines(tensors: &[String], count: usize) -> String {
    let mut text = tensors.join("\n");
    if count > tensors.len() {
        text += &format!("\nand {} more", count - tensors.len());
    }
    text
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
