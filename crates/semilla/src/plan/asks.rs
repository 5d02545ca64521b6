//! What a recipe's scheme asks of a model beyond weights.

use std::collections::BTreeSet;

use super::PlanError;
use super::make::{Draft, Maker};
use crate::expression::ExpressionError;
use crate::init::{Context, variables};
use crate::model::{Model, Side, Tensor};
use crate::recipe::Recipe;
use crate::scheme::{Ask, AskFormula, Asked, Condition, Scheme, Unmet};

/// Tensors whose learning rates have no factor, because something is not known.
#[derive(Default)]
pub(super) struct Unrated {
    tensors: Vec<String>,
    why: Option<ExpressionError>,
}

impl Unrated {
    pub(super) fn note(&mut self, draft: &Draft) {
        if let Some(error) = &draft.unrated {
            self.tensors.push(draft.line.name.clone());
            self.why.get_or_insert_with(|| error.clone());
        }
    }

    fn unmet(self) -> Option<Unmet> {
        let why = self.why?;
        Some(Unmet {
            condition: Condition::LearningRates,
            words: format!("no learning-rate factors for these: {why}"),
            tensors: self.tensors,
        })
    }
}

/// A kind of stack: its side, and its number of layers.
type Kind = (Option<Side>, Option<usize>);

impl Maker {
    /// What the recipe asks of the model, with its numbers, and what the model does not meet.
    pub(super) fn scheme(
        &self,
        recipe: &Recipe,
        model: &Model,
        unrated: Unrated,
    ) -> Result<Scheme, PlanError> {
        if recipe.asks.is_empty() && recipe.needs.is_empty() && unrated.why.is_none() {
            return Ok(Scheme::default());
        }
        let asked = Asked {
            model,
            width: self.context.width,
            base_width: self.context.base_width,
        };
        let stacks = kinds(model);
        let mut asks = Vec::new();
        for formula in &recipe.asks {
            asks.append(&mut self.asks(formula, &stacks)?);
        }
        let unmet = recipe.needs.iter().filter_map(|need| need.unmet(asked));
        Ok(Scheme {
            asks,
            unmet: unmet.chain(unrated.unmet()).collect(),
        })
    }

    /// A demand on every kind of stack that it is for; on the whole model where it depends on none.
    fn asks(&self, formula: &AskFormula, stacks: &BTreeSet<Kind>) -> Result<Vec<Ask>, PlanError> {
        let at = |(side, layers): Kind| {
            let context = Context {
                layers: layers.or(self.context.layers),
                ..self.context
            };
            let model = Tensor::new("", [], crate::DType::F32);
            let ask = formula.at(side, layers, &variables(&model, &context));
            ask.map_err(|error| PlanError::Ask {
                words: formula.words.clone(),
                error,
            })
        };
        if formula.side.is_none() {
            return Ok(vec![at((None, None))?]);
        }
        let own = stacks.iter().filter(|(side, _)| *side == formula.side);
        own.copied().map(at).collect()
    }
}

fn kinds(model: &Model) -> BTreeSet<Kind> {
    let inside = model.tensors.iter().filter(|tensor| tensor.side.is_some());
    inside.map(|tensor| (tensor.side, tensor.layers)).collect()
}
