//! Recipes: ordered rules that choose an initializer for every tensor.
//!
//! A recipe is TOML. The first rule whose conditions all hold decides; a tensor that no rule matches and a rule that
//! matches nothing are errors unless the recipe says otherwise.
//!
//! ```toml
//! name = "mine"
//! defaults = true                      # biases 0, norms 1 and 0, buffers as they must be, after the rules below
//!
//! [[rule]]
//! match = "*.c_proj.weight"            # or a list; or regex = "..."
//! init = { normal = { std = "0.02 / sqrt(2 * layers)" } }
//! reason = "outputs of residual branches"
//!
//! [[rule]]
//! role = ["matrix", "embedding"]       # roles, or the groups matrix, attention, residual_output
//! init = { normal = { std = 0.02 } }
//! ```
//!
//! Other conditions: `ndim`, `dtype`. A rule may state the `layout` of what it matches (`"EIO"`), and may be
//! `optional`. Tables `[[pretrained]]` give tensors of checkpoints before the rules do ([`Transfer`]). At the top: `fans = "exact" | "pytorch" | "keras"`, `base_width`, `unmatched` (an initializer for the
//! rest), `unused_rules = "allow"`, `tie` (pairs of names: the first has the second's bytes, [`Tie`]).

mod auto;
mod glob;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::dtype::DType;
use crate::init::{Initializer, Keep};
use crate::layout::{FanRule, Layout};
use crate::model::{Model, Role, Tensor};
use crate::plan::Decision;
use crate::suggest::did_you_mean;
use crate::tie::Tie;
use crate::transfer::{Fate, Transfer};
pub(crate) use glob::glob_match;

/// An ordered list of rules.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its name, as plans record it.
    pub name: String,
    /// Where the scheme comes from: authors, year, section.
    pub source: String,
    /// The width that its numbers were tuned at (muP).
    pub base_width: Option<usize>,
    fans: FanRule,
    unmatched: Option<Initializer>,
    unused_rules: UnusedRules,
    rules: Rules,
    /// Checkpoints that give tensors before the rules do, in order: the first that has one gives it.
    pub pretrained: Vec<Transfer>,
    /// Tensors that have the bytes of others.
    pub ties: Vec<Tie>,
}

#[derive(Clone, Debug)]
enum Rules {
    /// Decides by role and activation, in code.
    Auto,
    List(Vec<Rule>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnusedRules {
    #[default]
    Error,
    Allow,
}

/// The TOML form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    fans: FanRule,
    base_width: Option<usize>,
    #[serde(default)]
    defaults: bool,
    unmatched: Option<Initializer>,
    #[serde(default)]
    unused_rules: UnusedRules,
    #[serde(default)]
    rule: Vec<RuleDocument>,
    #[serde(default)]
    pretrained: Vec<Transfer>,
    #[serde(default)]
    tie: Vec<Tie>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleDocument {
    #[serde(rename = "match", default)]
    globs: OneOrMany<String>,
    regex: Option<String>,
    #[serde(default)]
    role: OneOrMany<RoleName>,
    #[serde(default)]
    ndim: OneOrMany<usize>,
    #[serde(default)]
    dtype: OneOrMany<DTypeName>,
    layout: Option<Layout>,
    init: Initializer,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    optional: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct DTypeName(DType);

impl TryFrom<String> for DTypeName {
    type Error = crate::dtype::UnknownDType;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A role, or a group of roles.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum RoleName {
    Group(Group),
    Role(Role),
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Group {
    /// Every weight that multiplies activations.
    Matrix,
    /// Query, key, value, fused or not.
    Attention,
    /// The ends of residual branches.
    ResidualOutput,
}

impl RoleName {
    fn holds(self, role: Role) -> bool {
        match self {
            Self::Role(own) => own == role,
            Self::Group(Group::Matrix) => role.is_matrix(),
            Self::Group(Group::Attention) => {
                matches!(role, Role::Query | Role::Key | Role::Value | Role::Qkv)
            }
            Self::Group(Group::ResidualOutput) => {
                matches!(role, Role::AttentionOut | Role::MlpOut | Role::ResidualOut)
            }
        }
    }
}

/// Conditions, and what follows from them.
#[derive(Clone, Debug)]
struct Rule {
    globs: Vec<String>,
    regex: Option<Regex>,
    roles: Vec<RoleName>,
    ndim: Vec<usize>,
    dtypes: Vec<DType>,
    layout: Option<Layout>,
    init: Initializer,
    reason: String,
    optional: bool,
}

impl Rule {
    fn holds(&self, tensor: &Tensor) -> bool {
        let any = |holds: bool, empty: bool| empty || holds;
        any(
            self.globs.iter().any(|glob| glob_match(glob, &tensor.name)),
            self.globs.is_empty(),
        ) && self
            .regex
            .as_ref()
            .is_none_or(|regex| regex.is_match(&tensor.name))
            && any(
                self.roles.iter().any(|role| role.holds(tensor.role)),
                self.roles.is_empty(),
            )
            && any(
                self.ndim.contains(&tensor.shape.len()),
                self.ndim.is_empty(),
            )
            && any(self.dtypes.contains(&tensor.dtype), self.dtypes.is_empty())
    }
}

/// Why a recipe cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecipeError {
    /// No such built-in recipe.
    #[error("unknown recipe {name:?}{hint}; the built-in ones are {}, a file ends in .toml", Recipe::NAMES.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// The TOML cannot be read.
    #[error("cannot read the recipe: {0}")]
    Syntax(String),
    /// Too long to be a recipe.
    #[error("the recipe has {found} {what}, more than the limit of {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        found: usize,
        /// How much is read.
        limit: usize,
    },
    /// Tensors that no rule matches.
    #[error(
        "recipe {recipe:?} has no rule for {count} tensors: {}; add a rule, or `unmatched = \"...\"` for the rest",
        list(.names, *.count)
    )]
    Unmatched {
        /// The recipe.
        recipe: String,
        /// The first of their names, with their roles.
        names: Vec<String>,
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

fn list(names: &[String], count: usize) -> String {
    let more = count - names.len();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    names.join(", ") + &rest
}

const SHOWN: usize = 10;
const MAX_BYTES: usize = 1 << 20;
const MAX_RULES: usize = 10_000;
const MAX_REGEX_BYTES: usize = 1 << 20;

macro_rules! built_in {
    ($($name:literal)*) => {
        /// The built-in recipes that are TOML.
        const TEXTS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../recipes/", $name, ".toml")))),*];

        impl Recipe {
            /// The names of the built-in recipes.
            pub const NAMES: &[&str] = &["auto", $($name),*];
        }
    };
}

built_in! {
    "pytorch" "keras" "jax" "gpt2" "llama" "llama-hf" "bert" "bert-hf" "vit" "vit-jax" "vit-moco" "resnet" "mup"
    "deepnorm" "fixup" "t-fixup"
}

impl Recipe {
    /// A built-in recipe.
    ///
    /// # Errors
    /// [`RecipeError::Unknown`], with the nearest name.
    ///
    /// ```
    /// use semilla::Recipe;
    /// assert!(Recipe::named("gpt2").is_ok());
    /// assert!(Recipe::named("gtp2").unwrap_err().to_string().contains("did you mean \"gpt2\""));
    /// ```
    pub fn named(name: &str) -> Result<Self, RecipeError> {
        if name == "auto" {
            return Ok(Self::auto());
        }
        match TEXTS.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::from_toml(text),
            None => {
                let name: String = name.chars().take(80).collect();
                let hint = did_you_mean(&name, Self::NAMES.iter().copied());
                Err(RecipeError::Unknown { name, hint })
            }
        }
    }

    fn auto() -> Self {
        Self {
            name: "auto".to_owned(),
            source: "by role and activation; each line says why".to_owned(),
            base_width: None,
            fans: FanRule::Exact,
            unmatched: None,
            unused_rules: UnusedRules::Allow,
            rules: Rules::Auto,
            pretrained: Vec::new(),
            ties: Vec::new(),
        }
    }

    /// One initializer for every weight matrix; embeddings N(0, 0.02), biases 0, norms 1 and 0, buffers as they must be.
    pub fn scheme(init: impl Into<Initializer>) -> Self {
        let init = init.into();
        let rule = |roles: &[RoleName], init: Initializer, reason: &str| Rule {
            globs: Vec::new(),
            regex: None,
            roles: roles.to_vec(),
            ndim: Vec::new(),
            dtypes: Vec::new(),
            layout: None,
            init,
            reason: reason.to_owned(),
            optional: true,
        };
        let tables = [Role::Embedding, Role::PositionEmbedding, Role::Token].map(RoleName::Role);
        let small = crate::init::Normal {
            std: 0.02.into(),
            ..Default::default()
        };
        let mut rules = vec![
            rule(
                &[RoleName::Group(Group::Matrix)],
                init.clone(),
                "the scheme",
            ),
            rule(&tables, small.into(), "tables and tokens"),
        ];
        rules.extend(defaults());
        Self {
            name: init.name().to_owned(),
            rules: Rules::List(rules),
            ..Self::auto()
        }
    }

    /// Reads a recipe.
    ///
    /// # Errors
    /// TOML that does not say a recipe (with line and column), a regular expression that does not compile, or more
    /// rules than any recipe needs.
    pub fn from_toml(text: &str) -> Result<Self, RecipeError> {
        if text.len() > MAX_BYTES {
            let (what, found, limit) = ("bytes", text.len(), MAX_BYTES);
            return Err(RecipeError::TooLarge { what, found, limit });
        }
        let document: Document =
            toml::from_str(text).map_err(|error| RecipeError::Syntax(error.to_string()))?;
        if document.rule.len() > MAX_RULES {
            let (what, found, limit) = ("rules", document.rule.len(), MAX_RULES);
            return Err(RecipeError::TooLarge { what, found, limit });
        }
        let rules: Result<Vec<Rule>, RecipeError> =
            document.rule.into_iter().map(compile).collect();
        let mut rules = rules?;
        if document.defaults {
            rules.extend(defaults());
        }
        Ok(Self {
            name: document.name,
            source: document.source,
            base_width: document.base_width,
            fans: document.fans,
            unmatched: document.unmatched,
            unused_rules: document.unused_rules,
            rules: Rules::List(rules),
            pretrained: document.pretrained,
            ties: document.tie,
        })
    }

    /// A decision for every tensor, in order.
    ///
    /// # Errors
    /// Every tensor that no rule matches, or every rule that matches no tensor, where the recipe does not allow it.
    pub fn decide(&self, model: &Model) -> Result<Vec<Decision>, RecipeError> {
        self.decide_rest(model, vec![Fate::New; model.tensors.len()])
    }

    /// As [`decide`](Self::decide), where checkpoints give some tensors ([`Transfer::align`]): what they give whole needs no rule.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    ///
    /// # Panics
    /// If there is not one entry per tensor.
    pub fn decide_rest(
        &self,
        model: &Model,
        fates: Vec<Fate>,
    ) -> Result<Vec<Decision>, RecipeError> {
        assert_eq!(model.tensors.len(), fates.len(), "one entry per tensor");
        let mut used = Vec::new();
        let mut unmatched = Vec::new();
        let mut decisions = Vec::with_capacity(model.tensors.len());
        for (tensor, fate) in model.tensors.iter().zip(fates) {
            let found = match &self.rules {
                Rules::Auto => auto::decide(tensor, model),
                Rules::List(rules) => {
                    let place = rules.iter().position(|rule| rule.holds(tensor));
                    used.extend(place);
                    place.map(|place| self.by_rule(&rules[place]))
                }
            };
            let given = fate.given();
            let whole = given.is_some_and(|given| given.is_whole(&tensor.shape));
            let found = match found {
                None if whole => Some(self.decision(Initializer::Keep(Keep {}), "")),
                found => found.or_else(|| self.for_the_rest()),
            };
            match found {
                Some(decision) => decisions.push(Decision { fate, ..decision }),
                None => unmatched.push(format!("{} ({})", tensor.name, role_name(tensor.role))),
            }
        }
        if !unmatched.is_empty() {
            let count = unmatched.len();
            unmatched.truncate(SHOWN);
            return Err(RecipeError::Unmatched {
                recipe: self.name.clone(),
                names: unmatched,
                count,
            });
        }
        self.check_unused(&used)?;
        Ok(decisions)
    }

    fn by_rule(&self, rule: &Rule) -> Decision {
        Decision {
            initializer: rule.init.clone(),
            fans: self.fans,
            layout: rule.layout.clone(),
            reason: rule.reason.clone(),
            fate: Fate::New,
        }
    }

    fn for_the_rest(&self) -> Option<Decision> {
        let initializer = self.unmatched.clone()?;
        Some(self.decision(initializer, "no rule matched"))
    }

    fn decision(&self, initializer: Initializer, reason: &str) -> Decision {
        Decision {
            initializer,
            fans: self.fans,
            layout: None,
            reason: reason.to_owned(),
            fate: Fate::New,
        }
    }

    fn check_unused(&self, used: &[usize]) -> Result<(), RecipeError> {
        let Rules::List(rules) = &self.rules else {
            return Ok(());
        };
        if self.unused_rules == UnusedRules::Allow {
            return Ok(());
        }
        let unused = rules
            .iter()
            .enumerate()
            .filter(|(i, rule)| !rule.optional && !used.contains(i));
        let mut unused: Vec<String> = unused
            .map(|(i, rule)| format!("rule {} ({})", i + 1, rule.init))
            .collect();
        if unused.is_empty() {
            return Ok(());
        }
        let count = unused.len();
        unused.truncate(SHOWN);
        Err(RecipeError::Unused {
            recipe: self.name.clone(),
            rules: unused,
            count,
        })
    }
}

fn role_name(role: Role) -> String {
    format!("role {role:?}")
}

fn compile(rule: RuleDocument) -> Result<Rule, RecipeError> {
    let regex = rule.regex.map(|text| {
        let regex = RegexBuilder::new(&text).size_limit(MAX_REGEX_BYTES).build();
        regex.map_err(|error| RecipeError::Syntax(error.to_string()))
    });
    Ok(Rule {
        globs: rule.globs.into_vec(),
        regex: regex.transpose()?,
        roles: rule.role.into_vec(),
        ndim: rule.ndim.into_vec(),
        dtypes: rule
            .dtype
            .into_vec()
            .into_iter()
            .map(|name| name.0)
            .collect(),
        layout: rule.layout,
        init: rule.init,
        reason: rule.reason,
        optional: rule.optional,
    })
}

/// What every scheme agrees on: biases, norms and buffers.
fn defaults() -> Vec<Rule> {
    let text = include_str!("../../recipes/defaults.toml");
    let document: Document = toml::from_str(text).expect("the built-in defaults are TOML");
    let rules = document.rule.into_iter().map(compile);
    rules
        .collect::<Result<_, _>>()
        .expect("the built-in defaults compile")
}

#[cfg(test)]
mod tests;
