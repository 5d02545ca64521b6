//! A recipe's decisions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::auto;
use super::decision::{Decided, Decision};
use super::definition::Recipe;
use super::error::RecipeError;
use super::remedy::{rule_for, rule_stating};
use super::rule::Rule;
use crate::model::{Model, Tensor};

/// Names in an error, at most.
const SHOWN: usize = 10;

impl Recipe {
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
            let decision = self.decide_one(tensor, &model, pinned, &mut used);
            if decision.is_none() && !needs_none(tensor) {
                unmatched.push(tensor);
            }
            decisions.push(decision);
        }
        self.check_matched(&unmatched)?;
        self.check_unused(&used)?;
        if self.is_strict {
            let all = model.tensors.iter().zip(&decisions);
            self.check_grounds(all.filter(|(tensor, _)| !needs_none(tensor)))?;
        }
        Ok(Decided { model, decisions })
    }

    /// The rules that state facts, by the places of the tensors that they decide.
    fn stating(&self, model: &Model) -> HashMap<usize, &Rule> {
        if self.rules.iter().all(|rule| rule.facts().is_none()) {
            return HashMap::new();
        }
        let tensors = model.tensors.iter().enumerate();
        let found = tensors.filter_map(|(place, tensor)| {
            let rule = self.rules.iter().find(|rule| rule.holds(tensor))?;
            rule.facts().map(|_| (place, rule))
        });
        found.collect()
    }

    /// The decision of the first rule that holds, of `auto`, or for the unmatched.
    fn decide_one(
        &self,
        tensor: &Tensor,
        model: &Model,
        pinned: Option<&Rule>,
        used: &mut HashSet<usize>,
    ) -> Option<Decision> {
        let place = self.rules.iter().position(|rule| match pinned {
            Some(pinned) => std::ptr::eq(rule, pinned),
            None => rule.holds(tensor),
        });
        if let Some(place) = place {
            used.insert(place);
            let rule = &self.rules[place];
            let (init, reason) = (rule.init.clone(), rule.reason.clone());
            let fans = rule.fans.unwrap_or(self.fans);
            return Some(Decision::of(tensor, init, fans, reason));
        }
        let by_auto = self
            .is_auto
            .then(|| auto::decide(tensor, model, self.fans))
            .flatten();
        by_auto.or_else(|| {
            let initializer = self.unmatched.clone()?;
            Some(Decision::new(initializer, self.fans, "no rule matched"))
        })
    }

    fn check_matched(&self, unmatched: &[&Tensor]) -> Result<(), RecipeError> {
        let Some(first) = unmatched.first() else {
            return Ok(());
        };
        let describe = |tensor: &&Tensor| {
            let Tensor { name, shape, .. } = tensor;
            format!("{name} {shape:?} (role {})", tensor.role.name())
        };
        Err(RecipeError::Unmatched {
            recipe: self.name.clone(),
            names: unmatched.iter().take(SHOWN).map(describe).collect(),
            count: unmatched.len(),
            example: rule_for(first),
            is_auto: self.is_auto,
        })
    }

    /// Refuses what rests on inferences.
    fn check_grounds<'a>(
        &self,
        decided: impl Iterator<Item = (&'a Tensor, &'a Option<Decision>)>,
    ) -> Result<(), RecipeError> {
        let inferred = decided.filter_map(|(tensor, decision)| {
            let decision = decision.as_ref()?;
            Some((tensor, decision, decision.ground?))
        });
        let mut inferred = inferred.peekable();
        if inferred.peek().is_none() {
            return Ok(());
        }
        let describe = |(tensor, decision, ground): (&Tensor, &Decision, &str)| {
            let Tensor { name, shape, .. } = tensor;
            let rule = rule_stating(tensor, &decision.initializer);
            format!("{name} {shape:?} ({ground}): {rule}")
        };
        let tensors: Vec<String> = inferred.by_ref().take(SHOWN).map(describe).collect();
        Err(RecipeError::Inferred {
            recipe: self.name.clone(),
            count: tensors.len() + inferred.count(),
            tensors,
        })
    }

    fn check_unused(&self, used: &HashSet<usize>) -> Result<(), RecipeError> {
        let rules = self.rules.iter().enumerate();
        let unused = rules.filter(|(i, rule)| !rule.optional && !used.contains(i));
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
