//! Why nothing can be fitted.

use semilla::Fit;

use crate::executor::Fault;

/// Why a tensor's numbers cannot be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The network does not run.
    #[error("the model does not run")]
    Run(#[from] Fault),
    /// There are no labels.
    #[error(
        "{tensor}: {fit} counts the classes of the labels, and the data have none; give data with \
         labels"
    )]
    NoLabels {
        /// The tensor.
        tensor: String,
        /// The fit.
        fit: Fit,
    },
    /// The labels are no classes of this output.
    #[error("{tensor}: the labels are not classes below its {classes} elements")]
    Classes {
        /// The tensor.
        tensor: String,
        /// The elements of the bias.
        classes: usize,
    },
}
