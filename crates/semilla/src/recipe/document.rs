//! A recipe's TOML form.

use std::fmt;
use std::marker::PhantomData;

use regex::RegexBuilder;
use serde::de::{self, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::built_in::DEFAULTS;
use super::error::RecipeError;
use super::rule::{RoleName, Rule, Stated};
use crate::dtype::DType;
use crate::expression::Scalar;
use crate::fit::Fit;
use crate::init::Initializer;
use crate::layout::{FanRule, Layout};
use crate::model::Side;
use crate::scheme::{AskFormula, Condition, RateFormulas};
use crate::suggest::expected_word;
use crate::tie::Tie;
use crate::transfer::Transfer;

const MAX_BYTES: usize = 1 << 20;
const MAX_RULES: usize = 10_000;
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Whether a rule that matches no tensor is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnusedRules {
    #[default]
    Error,
    Allow,
}

/// The TOML form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) extends: Option<String>,
    pub(super) source: Option<String>,
    pub(super) fans: Option<FanRule>,
    pub(super) base_width: Option<usize>,
    pub(super) defaults: Option<bool>,
    pub(super) unmatched: Option<Initializer>,
    #[serde(default)]
    pub(super) unused_rules: UnusedRules,
    /// What the scheme asks beyond weights.
    #[serde(default)]
    pub(super) ask: Vec<AskFormula>,
    /// Conditions on the model.
    #[serde(default)]
    pub(super) needs: Vec<Condition>,
    #[serde(default)]
    rule: Vec<RuleDocument>,
    #[serde(default)]
    pub(super) pretrained: Vec<Transfer>,
    #[serde(default)]
    pub(super) tie: Vec<Tie>,
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
    #[serde(default)]
    side: OneOrMany<Side>,
    input: Option<bool>,
    branch: Option<bool>,
    #[serde(default)]
    of: OneOrMany<RoleName>,
    layout: Option<Layout>,
    fans: Option<FanRule>,
    #[serde(default)]
    set: Stated,
    init: Option<Initializer>,
    fit: Option<Fit>,
    lr: Option<RateFormulas>,
    multiplier: Option<Scalar>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    optional: bool,
}

/// One value, or a list of them.
#[derive(Clone, Debug)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

// Derived as an untagged enum, errors would name neither the value nor what is expected of it.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Values<T> {
            type Value = OneOrMany<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value, or a list of them")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(text.into_deserializer()).map(OneOrMany::One)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                T::deserialize(number.into_deserializer()).map(OneOrMany::One)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                T::deserialize(number.into_deserializer()).map(OneOrMany::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany::Many(values))
            }
        }
        deserializer.deserialize_any(Values(PhantomData))
    }
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

impl Document {
    /// Reads the text of a recipe.
    pub(super) fn read(text: &str) -> Result<Self, RecipeError> {
        if text.len() > MAX_BYTES {
            let (what, found, limit) = ("bytes", text.len(), MAX_BYTES);
            return Err(RecipeError::TooLarge { what, found, limit });
        }
        let document: Self =
            toml::from_str(text).map_err(|error| RecipeError::Syntax(said(&error)))?;
        if document.rule.len() > MAX_RULES {
            let (what, found, limit) = ("rules", document.rule.len(), MAX_RULES);
            return Err(RecipeError::TooLarge { what, found, limit });
        }
        Ok(document)
    }

    /// Its own rules, in order.
    pub(super) fn take_rules(&mut self) -> Result<Vec<Rule>, RecipeError> {
        compile_all(std::mem::take(&mut self.rule))
    }
}

/// Reads a list of rules from any format.
pub(super) fn read_rules<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<Rule>, RecipeError> {
    let rules = Vec::<RuleDocument>::deserialize(list);
    let rules = rules.map_err(|error| RecipeError::Syntax(error.to_string()))?;
    if rules.len() > MAX_RULES {
        let (what, found, limit) = ("rules", rules.len(), MAX_RULES);
        return Err(RecipeError::TooLarge { what, found, limit });
    }
    compile_all(rules)
}

/// An error of TOML with its line and column, and the word that may be meant.
fn said(error: &toml::de::Error) -> String {
    let hint = expected_word(error.message());
    format!("{}{hint}", error.to_string().trim_end())
}

/// The rules that every scheme agrees on: for biases, norms and buffers.
pub(super) fn defaults() -> Vec<Rule> {
    let document: Document = toml::from_str(DEFAULTS).expect("the built-in defaults are TOML");
    compile_all(document.rule).expect("the built-in defaults compile")
}

fn compile_all(rules: Vec<RuleDocument>) -> Result<Vec<Rule>, RecipeError> {
    rules.into_iter().enumerate().map(compile).collect()
}

fn compile((place, rule): (usize, RuleDocument)) -> Result<Rule, RecipeError> {
    let regex = rule.regex.map(|text| {
        let regex = RegexBuilder::new(&text).size_limit(MAX_REGEX_BYTES).build();
        regex.map_err(|error| RecipeError::Regex {
            rule: place + 1,
            problem: error.to_string(),
            pattern: text.chars().take(80).collect(),
        })
    });
    let rule_number = place + 1;
    let rule = Rule {
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
        sides: rule.side.into_vec(),
        is_input: rule.input,
        is_in_branch: rule.branch,
        of: rule.of.into_vec(),
        layout: rule.layout,
        fans: rule.fans,
        set: rule.set,
        init: rule.init,
        fit: rule.fit,
        lr: rule.lr,
        multiplier: rule.multiplier,
        reason: rule.reason,
        optional: rule.optional,
    };
    match rule.decides() || rule.facts().is_some() {
        true => Ok(rule),
        false => Err(RecipeError::Idle { rule: rule_number }),
    }
}
