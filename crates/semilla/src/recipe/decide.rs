//! A recipe's decisions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::decision::{Decided, Decision, NO_RULE};
use super::definition::Recipe;
use super::error::RecipeError;
use super::last_resort::{AtModel, LastResort};
use super::parts;
use super::remedy::{rule_for, rule_stating};
use super::rule::Rule;
use crate::model::{Facts, Model, Role, Tensor};

/// Names in an error, at most.
const SHOWN: usize = 10;

/// What rules state of a tensor, and the rule that decides it, if that one states something: it
/// stays with its tensor, whatever follows from the facts.
struct Statement<'a> {
    facts: Facts,
    decider: Option<&'a Rule>,
}

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
        if let LastResort::Transformers(None) = self.last_resort
            && self.stated.is_empty()
        {
            return Err(RecipeError::NeedsConfig);
        }
        let stating = self.stating(model);
        let mut used = self.used_for_facts(model);
        let model = match stating.is_empty() {
            true => Cow::Borrowed(model),
            false => {
                let stated = stating.iter();
                let facts = stated.map(|(&place, stated)| (place, stated.facts.clone()));
                Cow::Owned(model.with_facts(facts))
            }
        };
        let last_resort = self
            .last_resort
            .at(&self.stated, &model, self.fans, |tensor| {
                !needs_none(tensor)
            });
        let mut unmatched = Vec::new();
        let mut decisions = Vec::with_capacity(model.tensors.len());
        for (place, tensor) in model.tensors.iter().enumerate() {
            let pinned = stating.get(&place).and_then(|stated| stated.decider);
            let decision = self.decide_one(tensor, &last_resort, pinned, &mut used);
            if decision.is_none() && !needs_none(tensor) {
                unmatched.push(tensor);
            }
            decisions.push(decision.map(|decision| decision.with_padding(tensor)));
        }
        drop(last_resort);
        self.check_matched(&unmatched, &model)?;
        self.check_unused(&used)?;
        if self.is_strict {
            let all = model.tensors.iter().zip(&decisions);
            self.check_grounds(all.filter(|(tensor, _)| !needs_none(tensor)))?;
        }
        Ok(Decided { model, decisions })
    }

    /// The rules that state facts only and hold for some tensor.
    fn used_for_facts(&self, model: &Model) -> HashSet<usize> {
        let rules = self.rules.iter().enumerate();
        let stating = rules.filter(|(_, rule)| !rule.decides());
        let used = stating.filter(|(_, rule)| model.tensors.iter().any(|own| rule.holds(own)));
        used.map(|(place, _)| place).collect()
    }

    /// What rules state, by the places of the tensors that it is about.
    fn stating(&self, model: &Model) -> HashMap<usize, Statement<'_>> {
        if self.rules.iter().all(|rule| rule.facts().is_none()) {
            return HashMap::new();
        }
        let tensors = model.tensors.iter().enumerate();
        let found = tensors.filter_map(|(place, tensor)| {
            let holding = self.rules.iter().filter(|rule| rule.holds(tensor));
            let mut facts: Option<Facts> = None;
            let mut decider = None;
            for rule in holding {
                if decider.is_some() {
                    break;
                }
                if let Some(own) = rule.facts() {
                    // What was stated first stands.
                    facts = Some(match facts {
                        Some(earlier) => own.clone().and(earlier),
                        None => own.clone(),
                    });
                }
                decider = rule.decides().then_some(rule);
            }
            let decider = decider.filter(|rule| rule.facts().is_some());
            facts.map(|facts| (place, Statement { facts, decider }))
        });
        found.collect()
    }

    /// The decision for a tensor, or for the weights that it holds, each by itself.
    fn decide_one(
        &self,
        tensor: &Tensor,
        last_resort: &AtModel<'_>,
        pinned: Option<&Rule>,
        used: &mut HashSet<usize>,
    ) -> Option<Decision> {
        if let Some(pinned) = pinned {
            let place = self
                .rules
                .iter()
                .position(|rule| std::ptr::eq(rule, pinned));
            return self.by_rule(tensor, place?, used);
        }
        let roles = match self.rules.is_empty() {
            true => Vec::new(),
            false => parts::roles(tensor),
        };
        if roles.is_empty() {
            return self.decide_as(tensor, tensor.role, last_resort, used);
        }
        let place = |role: &Role| self.place(tensor, *role);
        let places: Vec<Option<usize>> = roles.iter().map(place).collect();
        if places.iter().all(|place| *place == places[0]) {
            return match places[0] {
                Some(place) => self.by_rule(tensor, place, used),
                None => self.decide_as(tensor, tensor.role, last_resort, used),
            };
        }
        let decide = |role: &Role| self.decide_as(tensor, *role, last_resort, used);
        let decisions: Option<Vec<Decision>> = roles.iter().map(decide).collect();
        parts::joined(tensor, &roles, decisions?, self.fans)
    }

    /// The first rule that decides a tensor, or the part of this role in it.
    fn place(&self, tensor: &Tensor, role: Role) -> Option<usize> {
        let mut rules = self.rules.iter();
        rules.position(|rule| rule.decides() && rule.holds_as(tensor, role))
    }

    fn by_rule(
        &self,
        tensor: &Tensor,
        place: usize,
        used: &mut HashSet<usize>,
    ) -> Option<Decision> {
        used.insert(place);
        let rule = &self.rules[place];
        let fans = rule.fans.unwrap_or(self.fans);
        let decision = Decision::of(tensor, rule.init.clone()?, fans, rule.reason.clone());
        Some(Decision {
            fit: rule.fit,
            lr: rule.lr.clone(),
            multiplier: rule.multiplier.clone(),
            ..decision
        })
    }

    /// The decision of the first rule that holds, of `auto`, or for the unmatched.
    fn decide_as(
        &self,
        tensor: &Tensor,
        role: Role,
        last_resort: &AtModel<'_>,
        used: &mut HashSet<usize>,
    ) -> Option<Decision> {
        if let Some(place) = self.place(tensor, role) {
            return self.by_rule(tensor, place, used);
        }
        let by_code = match role == tensor.role {
            true => last_resort.decide(tensor),
            false => last_resort.decide(&parts::part(tensor, role)),
        };
        by_code.or_else(|| {
            let initializer = self.unmatched.clone()?;
            Some(Decision::new(initializer, self.fans, NO_RULE))
        })
    }

    fn check_matched(&self, unmatched: &[&Tensor], model: &Model) -> Result<(), RecipeError> {
        let Some(first) = unmatched.first() else {
            return Ok(());
        };
        let describe = |tensor: &&Tensor| {
            let Tensor { name, shape, .. } = tensor;
            format!("{name} {shape:?} (role {})", tensor.role.name())
        };
        let names = unmatched.iter().take(SHOWN).map(describe).collect();
        let count = unmatched.len();
        if let LastResort::Transformers(_) = self.last_resort {
            return Err(RecipeError::NotDescribed { names, count });
        }
        Err(RecipeError::Unmatched {
            recipe: self.name.clone(),
            names,
            count,
            example: rule_for(first, model),
            is_auto: self.last_resort.is_auto(),
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
            .map(|(i, rule)| match &rule.init {
                Some(init) => format!("rule {} ({init})", i + 1),
                None => format!("rule {} (facts)", i + 1),
            })
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
