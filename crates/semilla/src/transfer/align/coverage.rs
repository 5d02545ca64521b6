//! How much of the model must come from the checkpoint.

use crate::model::Model;
use crate::transfer::error::TransferError;
use crate::transfer::given::Fate;

/// # Errors
/// The share that is asked for is not between 0 and 1, or more than what comes from the checkpoint.
pub(super) fn check_coverage(
    asked: Option<f64>,
    target: &Model,
    fates: &[Fate],
) -> Result<(), TransferError> {
    let Some(asked) = asked else {
        return Ok(());
    };
    if !(0.0..=1.0).contains(&asked) {
        return Err(TransferError::CoverageAsked(asked));
    }
    let (mut taken, mut all) = (0, 0);
    for (tensor, fate) in target.tensors.iter().zip(fates) {
        all += tensor.len().unwrap_or(0);
        let elements = fate.given().map(|given| given.elements(&tensor.shape));
        taken += elements.unwrap_or(0);
    }
    let found = taken as f64 / (all.max(1)) as f64;
    match found < asked {
        true => Err(TransferError::Coverage { found, asked }),
        false => Ok(()),
    }
}
