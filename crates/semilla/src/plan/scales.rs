//! What a scheme scales of a tensor besides its values.

use crate::expression::{ExpressionError, Scalar};
use crate::init::{Context, InitError, variables};
use crate::model::Tensor;
use crate::recipe::Decision;
use crate::scheme::{RateFormulas, Rates};

/// The numbers of one tensor.
#[derive(Default)]
pub(super) struct Scales {
    pub(super) lr: Option<Rates>,
    pub(super) multiplier: Option<f64>,
    /// Why there are no factors on the learning rate, where the recipe asks for some.
    pub(super) unrated: Option<ExpressionError>,
}

impl Scales {
    /// Those that a decision asks for.
    pub(super) fn of(
        decision: &Decision,
        tensor: &Tensor,
        context: &Context,
    ) -> Result<Self, InitError> {
        let (lr, unrated) = rates(decision.lr.as_ref(), tensor, context)?;
        Ok(Self {
            lr,
            multiplier: multiplier(decision.multiplier.as_ref(), tensor, context)?,
            unrated,
        })
    }
}

/// The factors on a tensor's learning rate, or why there are none: the weights do without them.
fn rates(
    lr: Option<&RateFormulas>,
    tensor: &Tensor,
    context: &Context,
) -> Result<(Option<Rates>, Option<ExpressionError>), InitError> {
    let Some(lr) = lr else {
        return Ok((None, None));
    };
    match lr.at(&variables(tensor, context)) {
        Ok(rates) => Ok((Some(rates), None)),
        Err(error @ ExpressionError::Unknown { .. }) => Ok((None, Some(error))),
        Err(source) => Err(InitError::Expression {
            initializer: "lr",
            parameter: "factor",
            source,
        }),
    }
}

fn multiplier(
    multiplier: Option<&Scalar>,
    tensor: &Tensor,
    context: &Context,
) -> Result<Option<f64>, InitError> {
    let value = multiplier.map(|scalar| scalar.value(&variables(tensor, context)));
    value.transpose().map_err(|source| InitError::Expression {
        initializer: "rule",
        parameter: "multiplier",
        source,
    })
}
