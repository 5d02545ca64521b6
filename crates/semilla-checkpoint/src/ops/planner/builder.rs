//! The choices that make a plan.

use semilla::model::Convention;
use semilla::{Recipe, Tie, Transfer};

use super::align::{Choices, supply};
use super::{Planned, PlanningError};
use crate::ops::Described;

/// A plan in the making. The defaults are those of the command: recipe `auto` (of a `config.json`
/// alone, `transformers`), seed 0, no checkpoint.
///
/// A trunk under different names, and a new head on it:
///
/// ```
/// # use semilla_checkpoint::ops::WritePlan;
/// use semilla::{Recipe, Transfer};
/// use semilla_checkpoint::ops::{DescribeOptions, Planner, describe};
///
/// # let folder = tempfile::tempdir()?;
/// # let [trunk, output] = ["trunk.safetensors", "start.safetensors"].map(|name| folder.path().join(name));
/// # let names = [("encoder.0.weight", vec![16, 8]), ("encoder.0.bias", vec![16]),
/// # ("encoder.1.weight", vec![16, 16]), ("encoder.1.bias", vec![16])];
/// # let old = names.map(|(name, shape)| (name.to_owned(), shape, semilla::DType::F32));
/// # let old = semilla::Model::infer(old, semilla::model::Convention::Pytorch);
/// # Recipe::named("auto")?.plan(&old, 7)?.write(&trunk).run()?;
/// let model = describe("mlp:8-16-16-3:relu", DescribeOptions::default())?;
/// let planned = Planner::new(&model)
///     .recipe(Recipe::named("pytorch")?)
///     .from(Transfer {
///         from: Some(trunk.display().to_string()),
///         rename: vec![(r"^encoder\.".into(), "layers.".into())],
///         may_miss: vec!["layers.2.*".into()], // the new head
///         ..Transfer::default()
///     })
///     .plan()?;
/// println!("{}", planned.plan); // a line for each tensor
/// assert_eq!(planned.plan.line("layers.0.weight").unwrap().reason, "from encoder.0.weight");
/// let written = planned.write(&output).run()?;
/// assert_eq!(written.files, [output]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Planner<'a> {
    model: &'a Described,
    recipe: Recipe,
    ties: Vec<Tie>,
    from: Option<Transfer>,
    from_convention: Option<Convention>,
    is_strict: bool,
    seed: u64,
}

impl<'a> Planner<'a> {
    /// A plan of this model.
    pub fn new(model: &'a Described) -> Self {
        Self {
            model,
            recipe: model.recipe(),
            ties: Vec::new(),
            from: None,
            from_convention: None,
            is_strict: false,
            seed: 0,
        }
    }

    /// Uses this recipe, with its own checkpoints and ties.
    pub fn recipe(mut self, recipe: Recipe) -> Self {
        self.recipe = recipe;
        self
    }

    /// Ties tensors, in addition to those that the recipe ties.
    pub fn ties(mut self, ties: impl IntoIterator<Item = Tie>) -> Self {
        self.ties.extend(ties);
        self
    }

    /// Takes tensors from the checkpoint that these rules name.
    ///
    /// If the recipe has `[[pretrained]]` tables, the rules may only name the file of the one table
    /// that names none.
    pub fn from(mut self, rules: Transfer) -> Self {
        self.from = Some(rules);
        self
    }

    /// The convention by which the checkpoints store weights. Overrides what format and names say.
    pub fn from_convention(mut self, convention: Convention) -> Self {
        self.from_convention = Some(convention);
        self
    }

    /// Refuses to plan a tensor by what is only inferred of it: the error lists them, with the
    /// rules that would state it. Tensors that checkpoints give whole need no inference.
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// The seed of every weight.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Opens the checkpoints, aligns them with the model, and plans; no weight is read, except to
    /// compare tied tensors.
    ///
    /// # Errors
    /// [`PlanningError`].
    pub fn plan(self) -> Result<Planned<'a>, PlanningError> {
        let recipe = match &self.model.config {
            Some(config) => self.recipe.following(&config.blueprint),
            None => self.recipe,
        };
        let recipe = recipe.starting(self.model.starts());
        let ties = [&recipe.ties[..], &self.ties].concat();
        let (supply, pretrained) = supply(&Choices {
            model: self.model,
            tables: &recipe.pretrained,
            from: self.from.as_ref(),
            convention: self.from_convention,
            ties: &ties,
        })?;
        let model = &self.model.model;
        let recipe = match self.is_strict {
            true => recipe.strict(),
            false => recipe,
        };
        let plan = recipe.plan_with(model, supply, &self.ties, self.seed)?;
        Ok(Planned::new(plan, self.model.file.as_deref(), pretrained))
    }
}
