//! What a recipe's scheme asks of a model beyond weights.

use std::collections::BTreeSet;

use super::PlanError;
use crate::dtype::DType;
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
    pub(super) fn note(&mut self, tensor: &str, why: ExpressionError) {
        self.tensors.push(tensor.to_owned());
        self.why.get_or_insert(why);
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

/// What the recipe asks of the model, with its numbers, and what the model does not meet.
pub(super) fn scheme(
    recipe: &Recipe,
    model: &Model,
    context: &Context,
    unrated: Unrated,
) -> Result<Scheme, PlanError> {
    if recipe.asks.is_empty() && recipe.needs.is_empty() && unrated.why.is_none() {
        return Ok(Scheme::default());
    }
    let asked = Asked {
        model,
        width: context.width,
        base_width: context.base_width,
    };
    let stacks = kinds(model);
    let mut asks = Vec::new();
    for formula in &recipe.asks {
        asks.append(&mut on_stacks(formula, &stacks, context)?);
    }
    let unmet = recipe.needs.iter().filter_map(|need| need.unmet(asked));
    Ok(Scheme {
        asks,
        unmet: unmet.chain(unrated.unmet()).collect(),
    })
}

/// A demand on every kind of stack that it is for; on the whole model where it is for none.
fn on_stacks(
    formula: &AskFormula,
    stacks: &BTreeSet<Kind>,
    context: &Context,
) -> Result<Vec<Ask>, PlanError> {
    let at = |(side, layers): Kind| {
        let context = Context {
            layers: layers.or(context.layers),
            ..*context
        };
        let nothing = Tensor::new("", [], DType::F32);
        let ask = formula.at(side, layers, &variables(&nothing, &context));
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

fn kinds(model: &Model) -> BTreeSet<Kind> {
    let inside = model.tensors.iter().filter(|tensor| tensor.side.is_some());
    inside.map(|tensor| (tensor.side, tensor.layers)).collect()
}
