//! The recipe, and its decisions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::decision::{Decided, Decision};
use super::document::{Document, UnusedRules, defaults};
use super::error::RecipeError;
use super::library::Library;
use super::rule::{Group, RoleName, Rule, Stated};
use super::{auto, built_in};
use crate::family::Blueprint;
use crate::init::Initializer;
use crate::layout::FanRule;
use crate::model::{Model, Role, Tensor};
use crate::suggest::did_you_mean;
use crate::tie::Tie;
use crate::transfer::Transfer;

/// Names in an error, at most.
const SHOWN: usize = 10;

/// The recipe that follows a model's `config.json`.
const TRANSFORMERS: &str = "transformers";

/// An ordered list of rules.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its name, as plans record it.
    pub name: String,
    /// The scheme's origin: authors, year, section.
    pub source: String,
    /// The width that its numbers were tuned at (muP).
    pub base_width: Option<usize>,
    fans: FanRule,
    unmatched: Option<Initializer>,
    unused_rules: UnusedRules,
    rules: Rules,
    /// Checkpoints that give tensors before the rules do, in order: the first that has one gives
    /// it.
    pub pretrained: Vec<Transfer>,
    /// Tensors that have the bytes of others.
    pub ties: Vec<Tie>,
}

#[derive(Clone, Debug)]
enum Rules {
    /// Decides by role and activation, in code.
    Auto,
    /// As the library of a model's `config.json` does, once there is one.
    Library(Option<Arc<Library>>),
    List(Vec<Rule>),
}

impl Recipe {
    /// The names of the built-in recipes.
    pub const NAMES: &[&str] = built_in::NAMES;

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
        if name == TRANSFORMERS {
            return Ok(Self::transformers());
        }
        match built_in::text(name) {
            Some(text) => Self::from_toml(text),
            None => {
                let name: String = name.chars().take(80).collect();
                let hint = did_you_mean(&name, Self::NAMES.iter().copied());
                Err(RecipeError::Unknown { name, hint })
            }
        }
    }

    /// The built-in recipe `auto`: decides by role and activation.
    pub fn auto() -> Self {
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

    /// The built-in recipe `transformers`: the initial values that the library itself gives to a
    /// model of a `config.json`, which [`following`](Self::following) states.
    pub fn transformers() -> Self {
        Self {
            name: TRANSFORMERS.to_owned(),
            source: "transformers' own initial values, by the model's config.json".to_owned(),
            rules: Rules::Library(None),
            fans: FanRule::Pytorch,
            ..Self::auto()
        }
    }

    /// The same recipe, for a model with this blueprint. Only `transformers` reads it.
    #[must_use]
    pub fn following(mut self, blueprint: &Blueprint) -> Self {
        if let Rules::Library(library) = &mut self.rules {
            *library = Some(Arc::new(Library::of(blueprint)));
        }
        self
    }

    /// One initializer for every weight matrix; embeddings N(0, 0.02), biases 0, norms 1 and 0,
    /// buffers as they must be.
    pub fn scheme(init: impl Into<Initializer>) -> Self {
        let init = init.into();
        let rule = |roles: &[RoleName], init: Initializer, reason: &str| Rule {
            globs: Vec::new(),
            regex: None,
            roles: roles.to_vec(),
            ndim: Vec::new(),
            dtypes: Vec::new(),
            layout: None,
            set: Stated::default(),
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
    /// TOML that is not a recipe (with line and column), a regular expression that does not
    /// compile, or more rules than any recipe needs.
    pub fn from_toml(text: &str) -> Result<Self, RecipeError> {
        let mut document = Document::read(text)?;
        Ok(Self {
            rules: Rules::List(document.take_rules()?),
            name: document.name,
            source: document.source,
            base_width: document.base_width,
            fans: document.fans,
            unmatched: document.unmatched,
            unused_rules: document.unused_rules,
            pretrained: document.pretrained,
            ties: document.tie,
        })
    }

    /// A decision for every tensor. What rules state of the tensors that they match is a fact, from
    /// which the model is derived again before anything is decided; those rules stay with their
    /// tensors.
    ///
    /// # Errors
    /// Every tensor that no rule matches, or every rule that matches no tensor, where the recipe
    /// does not allow it.
    pub(crate) fn decide<'a>(
        &self,
        model: &'a Model,
        needs_none: impl Fn(&Tensor) -> bool,
    ) -> Result<Decided<'a>, RecipeError> {
        if matches!(self.rules, Rules::Library(None)) {
            return Err(RecipeError::NeedsConfig);
        }
        let stating = self.stating(model);
        let model = match stating.is_empty() {
            true => Cow::Borrowed(model),
            false => {
                let facts = |(&place, rule): (&usize, &&Rule)| Some((place, rule.facts()?));
                Cow::Owned(model.with_facts(stating.iter().filter_map(facts)))
            }
        };
        let mut used = HashSet::new();
        let mut unmatched = Vec::new();
        let mut decisions = Vec::with_capacity(model.tensors.len());
        for (place, tensor) in model.tensors.iter().enumerate() {
            let pinned = stating.get(&place).copied();
            let decision = self
                .by_rules(tensor, &model, pinned, &mut used)
                .or_else(|| {
                    let initializer = self.unmatched.clone()?;
                    Some(Decision::new(initializer, self.fans, "no rule matched"))
                });
            if decision.is_none() && !needs_none(tensor) {
                unmatched.push(tensor);
            }
            decisions.push(decision);
        }
        if let Some(first) = unmatched.first() {
            let shown = unmatched.iter().take(SHOWN);
            let describe = |tensor: &&Tensor| {
                let Tensor { name, shape, .. } = tensor;
                format!("{name} {shape:?} (role {})", tensor.role.name())
            };
            let names = shown.map(describe).collect();
            let count = unmatched.len();
            if let Rules::Library(_) = self.rules {
                return Err(RecipeError::NotDescribed { names, count });
            }
            return Err(RecipeError::Unmatched {
                recipe: self.name.clone(),
                names,
                count,
                example: example(first),
            });
        }
        self.check_unused(&used)?;
        Ok(Decided { model, decisions })
    }

    /// The rules that state facts, by the places of the tensors that they decide.
    fn stating(&self, model: &Model) -> HashMap<usize, &Rule> {
        let Rules::List(rules) = &self.rules else {
            return HashMap::new();
        };
        if rules.iter().all(|rule| rule.facts().is_none()) {
            return HashMap::new();
        }
        let tensors = model.tensors.iter().enumerate();
        let found = tensors.filter_map(|(place, tensor)| {
            let rule = rules.iter().find(|rule| rule.holds(tensor))?;
            rule.facts().map(|_| (place, rule))
        });
        found.collect()
    }

    fn by_rules(
        &self,
        tensor: &Tensor,
        model: &Model,
        pinned: Option<&Rule>,
        used: &mut HashSet<usize>,
    ) -> Option<Decision> {
        let rules = match &self.rules {
            Rules::Auto => return auto::decide(tensor, model),
            Rules::Library(library) => return library.as_ref()?.decide(tensor),
            Rules::List(rules) => rules,
        };
        let place = rules.iter().position(|rule| match pinned {
            Some(pinned) => std::ptr::eq(rule, pinned),
            None => rule.holds(tensor),
        })?;
        used.insert(place);
        let rule = &rules[place];
        Some(Decision::of(
            tensor,
            rule.init.clone(),
            self.fans,
            rule.reason.clone(),
        ))
    }

    fn check_unused(&self, used: &HashSet<usize>) -> Result<(), RecipeError> {
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

/// A rule that would decide a tensor, as it is written.
fn example(tensor: &Tensor) -> String {
    let name = tensor.name.chars().take(80).collect::<String>();
    let init = match tensor.shape.len() {
        0 | 1 => r#"init = "ones""#,
        _ => r#"set = { role = "linear" }, init = "xavier_uniform""#,
    };
    format!("[[rule]] with match = {name:?}, {init}")
}
