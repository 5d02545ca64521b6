//! Factors on the learning rate.

use serde::{Deserialize, Serialize};

use crate::expression::{ExpressionError, Scalar, Variables};

/// A kind of optimizer, by what it does to the size of gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Divides gradients by their size: Adam, AdamW, RMSProp, Adagrad.
    Adam,
    /// Takes gradients as they are: SGD, with momentum or without.
    Sgd,
}

/// The factors on one tensor's learning rate, by the kind of optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// For [`Optimizer::Adam`].
    pub adam: f64,
    /// For [`Optimizer::Sgd`].
    pub sgd: f64,
}

impl Rates {
    /// The factor for an optimizer.
    pub fn of(self, optimizer: Optimizer) -> f64 {
        match optimizer {
            Optimizer::Adam => self.adam,
            Optimizer::Sgd => self.sgd,
        }
    }
}

/// As a recipe writes them: expressions over what is known of a tensor, 1 where nothing is said.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateFormulas {
    /// For [`Optimizer::Adam`].
    pub adam: Scalar,
    /// For [`Optimizer::Sgd`].
    pub sgd: Scalar,
}

impl Default for RateFormulas {
    fn default() -> Self {
        Self {
            adam: 1.0.into(),
            sgd: 1.0.into(),
        }
    }
}

impl RateFormulas {
    /// The factors where the variables have these values.
    ///
    /// # Errors
    /// A variable that is not known, or a factor that is not finite.
    pub fn at(&self, variables: &dyn Variables) -> Result<Rates, ExpressionError> {
        Ok(Rates {
            adam: self.adam.value(variables)?,
            sgd: self.sgd.value(variables)?,
        })
    }
}
