//! A plan made of a recipe's decisions and of what checkpoints give.

use std::collections::{HashMap, HashSet};

use super::asks::{Unrated, scheme};
use super::scales::Scales;
use super::stack::{self, plain};
use super::surroundings::context_of;
use super::{Disposition, Line, Plan, PlanError, Signal};
use crate::activation::Activation;
use crate::expression::ExpressionError;
use crate::fill::{Fill, Load};
use crate::fit::Fit;
use crate::init::{Context, InitError, Initializer, Pretrained};
use crate::model::{Model, Tensor};
use crate::recipe::{Decided, Decision, Recipe};
use crate::stream::{self, Key};
use crate::suggest::did_you_mean;
use crate::tie::{Tie, check_ties};
use crate::transfer::{Fate, Given, Supply};

impl Recipe {
    /// Plans a model: decides an initializer for every tensor and resolves it to concrete numbers.
    ///
    /// # Errors
    /// The recipe does not decide every tensor, an initializer does not fit its tensor, a tie is
    /// wrong, or the recipe has `[[pretrained]]` tables
    /// ([`PlanError::NeedsCheckpoints`]; opening files is the crate `semilla-checkpoint`'s part).
    ///
    /// ```
    /// use semilla::{Recipe, model::Spec};
    ///
    /// let model = Spec::parse("transformer:12x768:50257:gelu")?;
    /// let plan = Recipe::named("gpt2")?.plan(&model, 0)?;
    /// assert_eq!(plan.line("blocks.0.attn.proj.weight").unwrap().std, Some(0.02 / 24f64.sqrt()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, model: &Model, seed: u64) -> Result<Plan, PlanError> {
        if !self.pretrained.is_empty() {
            return Err(PlanError::NeedsCheckpoints(self.name.clone()));
        }
        self.plan_with(model, Supply::default(), &[], seed)
    }

    /// Plans a model to whose tensors checkpoints give values.
    ///
    /// The recipe's `[[pretrained]]` tables must have gone into `supply`. `ties` come in addition
    /// to the recipe's own.
    ///
    /// # Errors
    /// As [`plan`](Self::plan); also a supply for tensors that the model does not have, or a tied
    /// tensor whose own supply differs ([`Supply::tie`] settles that).
    pub fn plan_with(
        &self,
        model: &Model,
        supply: Supply,
        ties: &[Tie],
        seed: u64,
    ) -> Result<Plan, PlanError> {
        let ties = [&self.ties[..], ties].concat();
        check_ties(&ties, model)?;
        supply.check_ties(&ties)?;
        check_names(&supply, model)?;
        let tied: HashSet<&str> = ties.iter().map(|tie| tie.name.as_str()).collect();
        let Decided { model, decisions } = self.decide(model, |tensor| {
            tied.contains(tensor.name.as_str()) || supply.gives_whole(tensor)
        })?;
        let model = &*model;
        let maker = Maker::of_model(model, self.base_width, seed);
        let mut unrated = Unrated::default();
        let mut drafts = Vec::with_capacity(model.tensors.len());
        let mut errors = Vec::new();
        for (tensor, decision) in model.tensors.iter().zip(decisions) {
            match maker.draft(tensor, decision, supply.fate(&tensor.name)) {
                Ok(draft) => {
                    if let Some(why) = &draft.unrated {
                        unrated.note(&tensor.name, why.clone());
                    }
                    drafts.push(draft);
                }
                Err(error) => errors.push((tensor.name.clone(), error)),
            }
        }
        if !errors.is_empty() {
            return Err(PlanError::Tensors(errors));
        }
        let stacks = plain(model);
        let mut plan = Plan {
            format: Plan::FORMAT,
            stream: stream::VERSION,
            recipe: self.name.clone(),
            seed,
            tensors: judged(drafts, &stacks),
            scheme: scheme(self, model, &maker.context, unrated)?,
            stacks: Vec::new(),
            sources: supply.into_sources(model),
            kept: None,
        };
        plan.tie(&ties)?;
        plan.judge(model, &stacks);
        Ok(plan)
    }
}

fn check_names(supply: &Supply, model: &Model) -> Result<(), PlanError> {
    let names: HashSet<&str> = model.tensors.iter().map(|t| t.name.as_str()).collect();
    let mut foreign: Vec<&str> = supply
        .names()
        .filter(|name| !names.contains(name))
        .collect();
    foreign.sort_unstable();
    match foreign.first() {
        Some(name) => Err(PlanError::Foreign((*name).to_owned())),
        None => Ok(()),
    }
}

/// A line, and what is still to be said of it.
pub(super) struct Draft {
    line: Line,
    /// The activation and the gain whose theory it lacks.
    gain: Option<(Activation, f64)>,
    /// Why its learning rate has no factor, where the recipe asks for one.
    unrated: Option<ExpressionError>,
}

/// The lines of a model, those in plain stacks with the theory of their gains, computed once for
/// each activation and gain.
fn judged(drafts: Vec<Draft>, stacks: &[Vec<usize>]) -> Vec<Line> {
    let is_stacked: HashSet<usize> = stacks.iter().flatten().copied().collect();
    let mut known = HashMap::new();
    let mut signal = |(activation, gain): (Activation, f64)| {
        let key = (activation.to_string(), gain.to_bits());
        *known
            .entry(key)
            .or_insert_with(|| Signal::new(activation, gain))
    };
    let line = |(place, Draft { line, gain, .. }): (usize, Draft)| Line {
        signal: gain
            .filter(|_| is_stacked.contains(&place))
            .and_then(&mut signal),
        ..line
    };
    drafts.into_iter().enumerate().map(line).collect()
}

impl Draft {
    /// The line, with the theory of its gain if it lies in a plain stack.
    pub(super) fn line(self, is_stacked: bool) -> Line {
        let gain = self.gain.filter(|_| is_stacked);
        Line {
            signal: gain.and_then(|(activation, gain)| Signal::new(activation, gain)),
            ..self.line
        }
    }
}

impl Plan {
    /// Says what happens to signals in the plain stacks of the model.
    pub(super) fn judge(&mut self, model: &Model, stacks: &[Vec<usize>]) {
        if stacks.is_empty() {
            self.stacks.clear();
            return;
        }
        let lines = self.tensors.iter().map(|line| (line.name.as_str(), line));
        let lines: HashMap<&str, &Line> = lines.collect();
        let judged = stacks
            .iter()
            .filter_map(|at| stack::judged(model, at, &lines));
        self.stacks = judged.collect();
    }
}

/// Makes lines of one model.
pub(super) struct Maker {
    context: Context,
}

impl Maker {
    pub(super) fn of_model(model: &Model, base_width: Option<usize>, seed: u64) -> Self {
        Self {
            context: context_of(model, base_width, seed),
        }
    }

    /// A tensor's line. No decision is needed where a checkpoint gives all of it, or where a tie
    /// will replace the line.
    fn draft(
        &self,
        tensor: &Tensor,
        decision: Option<Decision>,
        fate: &Fate,
    ) -> Result<Draft, InitError> {
        let (line, scales) = match (fate, decision) {
            (Fate::Given(given), decision) if given.is_whole(&tensor.shape) => {
                let context = self.context.at(tensor);
                let scales = decision.map(|decision| Scales::of(&decision, tensor, &context));
                (self.given(tensor, given), scales.transpose()?)
            }
            (_, Some(decision)) => return self.filled(tensor, decision, fate),
            (_, None) => (self.placeholder(tensor), None),
        };
        let scales = scales.unwrap_or_default();
        Ok(Draft {
            line: Line {
                lr: scales.lr,
                multiplier: scales.multiplier,
                ..line
            },
            gain: None,
            unrated: scales.unrated,
        })
    }

    /// The line of a tensor that a checkpoint gives whole.
    fn given(&self, tensor: &Tensor, given: &Given) -> Line {
        let initializer = Initializer::Pretrained(Pretrained {});
        Line {
            disposition: Disposition::of(&Fate::Given(given.clone()), &initializer),
            reason: reason("", given, &tensor.shape),
            initializer,
            fill: given.fill.clone(),
            ..self.placeholder(tensor)
        }
    }

    /// The line of a tensor that a tie will replace.
    fn placeholder(&self, tensor: &Tensor) -> Line {
        Line {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            dtype: tensor.dtype,
            role: tensor.role,
            layout: tensor.layout.clone(),
            fused: tensor.fused.as_deref().cloned(),
            disposition: Disposition::Filled,
            initializer: crate::init::zeros().into(),
            fans: None,
            gain: None,
            signal: None,
            lr: None,
            multiplier: None,
            fit: None,
            std: None,
            fill: Fill::Constant { value: 0.0 },
            key: Key::new(self.context.seed, &tensor.name),
            reason: String::new(),
        }
    }

    /// The line of a tensor that an initializer fills, or of which it fills the rest.
    pub(super) fn filled(
        &self,
        tensor: &Tensor,
        decision: Decision,
        fate: &Fate,
    ) -> Result<Draft, InitError> {
        let context = Context {
            fans: decision.fans,
            ..self.context.at(tensor)
        };
        let resolved = decision.initializer.resolve(tensor, &context)?;
        let scales = Scales::of(&decision, tensor, &context)?;
        // Values of a checkpoint are not changed.
        let fit = decision.fit.filter(|_| fate.given().is_none());
        if let Some(fit) = fit {
            check_fit(fit, tensor, &resolved.fill)?;
        }
        let line = Line {
            fit,
            disposition: Disposition::of(fate, &decision.initializer),
            std: resolved.fill.std(),
            fans: resolved.fans,
            gain: resolved.gain,
            lr: scales.lr,
            multiplier: scales.multiplier,
            reason: match fate {
                Fate::Given(given) => reason(&decision.reason, given, &tensor.shape),
                Fate::Excluded { rule } => format!("{}; left out by {rule}", decision.reason),
                Fate::New => decision.reason,
            },
            fill: match fate.given().map(|given| &given.fill) {
                Some(Fill::Load(load)) => Fill::Load(Load {
                    rest: Some(Box::new(resolved.fill)),
                    ..load.clone()
                }),
                _ => resolved.fill,
            },
            initializer: decision.initializer,
            ..self.placeholder(tensor)
        };
        let activation = tensor.activation;
        let activation = activation.filter(|_| stack::is_independent(&line.fill));
        let gain = activation.and_then(|after| Some((after, stack::gain(tensor, &line)?)));
        Ok(Draft {
            line,
            gain,
            unrated: scales.unrated,
        })
    }
}

/// Whether a tensor and its values can be fitted.
fn check_fit(fit: Fit, tensor: &Tensor, fill: &Fill) -> Result<(), InitError> {
    match fit.fits(tensor.role) && (!fit.scales() || fill.scaled(1.0).is_some()) {
        true => Ok(()),
        false => Err(InitError::Fit {
            fit,
            role: tensor.role,
        }),
    }
}

/// The reason for the part that is loaded, then for the rest.
fn reason(drawn: &str, given: &Given, shape: &[usize]) -> String {
    let loads = given.fill.loads(shape);
    let mut parts = Vec::new();
    let mut names: Vec<&str> = loads.iter().map(|(_, load)| load.tensor.as_str()).collect();
    names.dedup();
    match &names[..] {
        [] => {}
        [one, .., last] if names.len() > 3 => {
            parts.push(format!("from {one} to {last} ({} tensors)", names.len()));
        }
        _ => parts.push(format!("from {}", names.join(", "))),
    }
    if let Some((_, load)) = loads.first().filter(|(_, load)| !load.permute.is_empty()) {
        parts.push(format!("axes {:?}", load.permute));
    }
    if !given.note.is_empty() {
        parts.push(given.note.clone());
    }
    let all: u64 = shape.iter().map(|&size| size as u64).product();
    let taken: u64 = loads
        .iter()
        .map(|(area, load)| load.elements(area.size()))
        .sum();
    if taken < all && !drawn.is_empty() {
        parts.push(format!("{taken} of {all} elements, the rest: {drawn}"));
    }
    parts.join("; ")
}

/// The error for a name that is not there, with the nearest one that is.
pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> PlanError {
    PlanError::Unknown {
        name: name.to_owned(),
        hint: did_you_mean(name, known),
    }
}
