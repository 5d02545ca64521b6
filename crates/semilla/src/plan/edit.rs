//! A plan changed by hand: a different initializer, a different seed.

use super::make::{Maker, unknown};
use super::stack::plain;
use super::{Disposition, Line, Plan, PlanError};
use crate::fill::Fill;
use crate::init::{Context, Initializer};
use crate::layout::FanRule;
use crate::model::{Facts, Model, Source, Tensor};
use crate::recipe::Decision;
use crate::stream::Key;
use crate::transfer::Fate;

impl Plan {
    /// Gives a tensor a different initializer: its numbers are resolved again.
    ///
    /// `model` is the plan's own model, which knows the tensor's blocks, fans and depth. Tensors
    /// that are tied to this one follow.
    ///
    /// # Errors
    /// The plan or the model lacks the tensor, or the initializer does not fit it.
    pub fn set(
        &mut self,
        model: &Model,
        name: &str,
        initializer: impl Into<Initializer>,
    ) -> Result<(), PlanError> {
        let names = || self.tensors.iter().map(|line| line.name.as_str());
        let place = names().position(|known| known == name);
        let place = place.ok_or_else(|| unknown(name, names()))?;
        let known = || model.tensors.iter().map(|tensor| tensor.name.as_str());
        let at = known().position(|known| known == name);
        let at = at.ok_or_else(|| unknown(name, known()))?;
        // They may be what a recipe's rule stated.
        let line = &self.tensors[place];
        let mut facts = Facts::from(Source::User);
        if let Some(layout) = &line.layout {
            facts = facts.layout(layout.clone());
        }
        if let Some(fused) = &line.fused {
            facts = facts.fused(fused.clone());
        }
        let is_stated = line.layout.is_some() || line.fused.is_some();
        let model = &model.with_facts(is_stated.then_some((at, facts)));
        let decision = Decision::new(initializer.into(), FanRule::Exact, "set by hand");
        let draft = Maker::of_model(model, None, self.seed)
            .filled(&model.tensors[at], decision, &Fate::New)
            .map_err(|error| PlanError::Tensors(vec![(name.to_owned(), error)]))?;
        let stacks = plain(model);
        // What the recipe's scheme scales besides, it scales whatever the values are.
        let (lr, multiplier) = (self.tensors[place].lr, self.tensors[place].multiplier);
        self.tensors[place] = Line {
            lr,
            multiplier,
            ..draft.line(stacks.iter().flatten().any(|&own| own == at))
        };
        self.renew_ties();
        self.judge(model, &stacks);
        Ok(())
    }

    /// The same plan under a different seed: every key is made again. Values that come from files
    /// stay.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        for line in &mut self.tensors {
            line.key = Key::new(seed, line.origin());
            let shared = shared_noise(line, seed);
            if let (Fill::Mimetic { noise: key, .. } | Fill::Norms { key, .. }, Some(shared)) =
                (&mut line.fill, shared)
            {
                *key = shared;
            }
        }
        self
    }

    /// Copies to every tied line the values of the one that it is tied to.
    pub(super) fn renew_ties(&mut self) {
        for place in 0..self.tensors.len() {
            let Disposition::Tied { to } = &self.tensors[place].disposition else {
                continue;
            };
            if let Some(of) = self.line(to).cloned() {
                let line = &mut self.tensors[place];
                (line.fill, line.key, line.std) = (of.fill, of.key, of.std);
                line.fit = of.fit;
                line.initializer = of.initializer;
            }
        }
    }
}

impl Line {
    /// The tensor whose key the line has: its own name, or the one that it is tied to.
    pub(super) fn origin(&self) -> &str {
        match &self.disposition {
            Disposition::Tied { to } => to,
            _ => &self.name,
        }
    }
}

/// The key under a seed that a line shares with another: of a mimetic pair's noise, of the
/// directions of a weight-normalized layer.
fn shared_noise(line: &Line, seed: u64) -> Option<Key> {
    let tensor = Tensor {
        layout: line.layout.clone(),
        role: line.role,
        ..Tensor::new(line.origin(), line.shape.clone(), line.dtype)
    };
    let initializer: Initializer = match &line.initializer {
        // Its weights may be expressions that need the model; the noise does not depend on them.
        Initializer::Mimetic(mimetic) => crate::init::Mimetic {
            alpha: None,
            beta: None,
            ..mimetic.clone()
        }
        .into(),
        Initializer::WeightNorm(norm) => norm.clone().of(crate::init::zeros()).into(),
        _ => return None,
    };
    let context = Context {
        seed,
        ..Context::default()
    };
    match initializer.resolve(&tensor, &context).ok()?.fill {
        Fill::Mimetic { noise: key, .. } | Fill::Norms { key, .. } => Some(key),
        _ => None,
    }
}
