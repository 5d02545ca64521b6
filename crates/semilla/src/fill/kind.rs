//! The questions that every kind of fill answers, each kind in one place.

use super::error::FillError;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::stream::Stream;

/// One kind of fill with its parameters.
pub(super) trait Kind {
    /// Whether it fits a tensor.
    fn check(&self, target: Target<'_>) -> Result<(), FillError>;

    /// The source of a tensor's elements, or at least of those in `part`, which is not empty.
    fn source(&self, stream: Stream, target: Target<'_>, part: &Slice)
    -> Result<Source, FillError>;

    /// The numbers that matter to a reader.
    fn description(&self) -> String {
        String::new()
    }

    /// Whether it can fill a tensor of integers.
    fn holds_integers(&self) -> bool {
        false
    }

    /// Whether preparing makes a whole matrix, all threads together, and holds it.
    fn is_matrix(&self) -> bool {
        false
    }

    /// The standard deviation over the whole tensor, where the fill states one.
    fn std(&self) -> Option<f64> {
        None
    }

    /// Slices that make up a tensor of more than `most` bytes, each of at most so many where the
    /// kind can be cut.
    fn parts(&self, target: Target<'_>, _most: usize) -> Vec<Slice> {
        vec![Slice::whole(target.shape)]
    }
}
