//! Where trials are trained.

use super::error::CompareError;
use crate::problem::Problem;
use crate::train::{Watch, train};
use crate::trial::Trial;

/// Something that trains trials. Since an outcome is a function of its trial, all engines give the
/// same comparison.
pub trait Engine {
    /// Trains trials and reports each outcome once it is there; trials that were stopped are not
    /// reported.
    ///
    /// # Errors
    /// The first trial that does not run.
    fn train(
        &self,
        problem: &Problem,
        trials: &[Trial],
        watch: Watch<'_>,
    ) -> Result<(), CompareError>;
}

/// The cores of this machine.
pub struct Local;

impl Engine for Local {
    fn train(
        &self,
        problem: &Problem,
        trials: &[Trial],
        watch: Watch<'_>,
    ) -> Result<(), CompareError> {
        train(problem, trials, watch)?;
        Ok(())
    }
}
