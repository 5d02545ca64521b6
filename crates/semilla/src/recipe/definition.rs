//! The recipe: made by name, of one initializer, or read.

use std::sync::Arc;

use serde::Deserializer;

use super::built_in;
use super::document::{defaults, read_rules};
use super::error::RecipeError;
use super::extend::{self, RecipeFile};
use super::last_resort::{AUTO, LastResort, TRANSFORMERS};
use super::library::{Library, LibraryStarts};
use super::rule::{Group, RoleName, Rule, Stated};
use crate::family::Blueprint;
use crate::init::Initializer;
use crate::layout::FanRule;
use crate::model::Role;
use crate::scheme::{AskFormula, Condition};
use crate::tie::Tie;
use crate::transfer::Transfer;

/// An ordered list of rules.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its name, as plans record it.
    pub name: String,
    /// The scheme's origin: authors, year, section.
    pub source: String,
    /// The width that its numbers were tuned at (muP).
    pub base_width: Option<usize>,
    /// What the scheme asks of the model and its training, beyond weights.
    pub asks: Vec<AskFormula>,
    /// Conditions on the model that the scheme rests on.
    pub needs: Vec<Condition>,
    pub(super) fans: FanRule,
    pub(super) rules: Vec<Rule>,
    /// Decides what no rule matches.
    pub(super) last_resort: LastResort,
    /// What the model's own library does.
    pub(super) stated: Arc<LibraryStarts>,
    /// For what is then still left.
    pub(super) unmatched: Option<Initializer>,
    pub(super) is_strict: bool,
    /// Checkpoints that give tensors before the rules do, in order: the first that has one gives
    /// it.
    pub pretrained: Vec<Transfer>,
    /// Tensors that have the bytes of others.
    pub ties: Vec<Tie>,
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
        match name {
            AUTO => Ok(Self::auto()),
            TRANSFORMERS => Ok(Self::transformers()),
            _ => Self::from_toml(built_in::text(name).ok_or_else(|| RecipeError::unknown(name))?),
        }
    }

    /// The TOML of a built-in recipe, to be saved and edited; `None` for `auto`
    /// ([`Recipe::auto_by_role`]) and `transformers`, which are code, and for other names.
    /// `defaults` is the rules that `defaults = true` appends.
    ///
    /// ```
    /// use semilla::Recipe;
    /// let text = Recipe::toml("gpt2").unwrap();
    /// assert_eq!(Recipe::from_toml(text)?.name, "gpt2");
    /// # Ok::<(), semilla::RecipeError>(())
    /// ```
    pub fn toml(name: &str) -> Option<&'static str> {
        match name {
            "defaults" => Some(built_in::DEFAULTS),
            name => built_in::text(name),
        }
    }

    /// The built-in recipe `auto`: decides by role and activation.
    pub fn auto() -> Self {
        Self {
            name: AUTO.to_owned(),
            source: "by role and activation; each line says why".to_owned(),
            base_width: None,
            asks: Vec::new(),
            needs: Vec::new(),
            fans: FanRule::Exact,
            rules: Vec::new(),
            last_resort: LastResort::Auto,
            stated: Arc::default(),
            unmatched: None,
            is_strict: false,
            pretrained: Vec::new(),
            ties: Vec::new(),
        }
    }

    /// The built-in recipe `transformers`: the initial values that the library itself gives to the
    /// model of a `config.json`, which [`following`](Self::following) states.
    pub fn transformers() -> Self {
        Self {
            name: TRANSFORMERS.to_owned(),
            source: "transformers' own initial values, by the model's config.json".to_owned(),
            fans: FanRule::Pytorch,
            last_resort: LastResort::Transformers(None),
            ..Self::auto()
        }
    }

    /// The same recipe, for the model of this blueprint. Only `transformers`, and recipes that
    /// extend it, follow it.
    #[must_use]
    pub fn following(mut self, blueprint: &Blueprint) -> Self {
        if let LastResort::Transformers(library) = &mut self.last_resort {
            *library = Some(Arc::new(Library::of(blueprint)));
        }
        self
    }

    /// The same recipe, for a model that states the initial values of its own library by the names of
    /// its tensors. `transformers` follows them, and `auto` where it knows nothing of a tensor.
    #[must_use]
    pub fn starting<'a>(
        mut self,
        starts: impl IntoIterator<Item = (&'a str, &'a Initializer)>,
    ) -> Self {
        self.stated = Arc::new(LibraryStarts::of(starts));
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
            sides: Vec::new(),
            is_input: None,
            is_in_branch: None,
            of: Vec::new(),
            layout: None,
            fans: None,
            set: Stated::default(),
            init: Some(init),
            fit: None,
            lr: None,
            multiplier: None,
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
            source: String::new(),
            rules,
            last_resort: LastResort::Nothing,
            ..Self::auto()
        }
    }

    /// Reads a recipe. It may extend built-in ones; see [`Recipe::from_file`] for files.
    ///
    /// # Errors
    /// TOML that is not a recipe (with line and column), a regular expression that does not
    /// compile, more rules than any recipe needs, or a recipe to extend that is not built in.
    pub fn from_toml(text: &str) -> Result<Self, RecipeError> {
        let file = RecipeFile {
            place: String::new(),
            text: text.to_owned(),
        };
        Self::from_file(&file, |_, _| Err(Unopened))
    }

    /// Reads a recipe file and the recipes that it extends. `open` is given the place of the file
    /// that extends another, and the path that is written there; it gives the other.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml); also a file that `open` cannot give, files that extend
    /// one another in a ring, or too many of them.
    ///
    /// ```
    /// use semilla::{Recipe, recipe::RecipeFile};
    ///
    /// let file = |place: &str, text: &str| RecipeFile { place: place.into(), text: text.into() };
    /// let mine = file("mine.toml", "name = \"mine\"\nextends = \"base.toml\"");
    /// let recipe = Recipe::from_file(&mine, |_from, path| {
    ///     Ok::<_, std::io::Error>(file(path, "name = \"base\"\nextends = \"gpt2\""))
    /// })?;
    /// assert_eq!(recipe.name, "mine");
    /// # Ok::<(), semilla::RecipeError>(())
    /// ```
    pub fn from_file<E: std::error::Error + Send + Sync + 'static>(
        file: &RecipeFile,
        open: impl FnMut(&str, &str) -> Result<RecipeFile, E>,
    ) -> Result<Self, RecipeError> {
        let (mut draft, last_resort) = extend::read(file, open)?;
        Ok(Self {
            rules: draft.take_rules(),
            name: draft.name,
            source: draft.source.unwrap_or_default(),
            base_width: draft.base_width,
            asks: draft.asks,
            needs: draft.needs,
            fans: draft.fans.unwrap_or_default(),
            last_resort,
            stated: Arc::default(),
            unmatched: draft.unmatched,
            is_strict: false,
            pretrained: draft.pretrained,
            ties: draft.ties,
        })
    }

    /// The same recipe behind more rules: a list of tables as `[[rule]]` has them, in any format.
    /// They come before its own, and one that matches no tensor is an error unless it says
    /// `optional`.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    ///
    /// ```
    /// use semilla::{Recipe, model::Spec};
    ///
    /// let rules = r#"[{"match": "layers.1.*", "init": "zeros"}]"#;
    /// let recipe = Recipe::auto().behind(&mut serde_json::Deserializer::from_str(rules))?;
    /// let plan = recipe.plan(&Spec::parse("mlp:784-256-10:relu")?, 0)?;
    /// assert_eq!(plan.line("layers.1.weight").unwrap().std, Some(0.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn behind<'de>(mut self, rules: impl Deserializer<'de>) -> Result<Self, RecipeError> {
        let mut rules = read_rules(rules)?;
        rules.append(&mut self.rules);
        self.rules = rules;
        Ok(self)
    }

    /// The same recipe, which refuses to plan a tensor by what is only inferred of it
    /// ([`RecipeError::Inferred`]).
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.is_strict = true;
        self
    }
}

/// A text alone has no place from which files are found.
#[derive(Debug, thiserror::Error)]
#[error("a recipe that is not read from a file extends built-in recipes only")]
struct Unopened;
