//! The initializer that a tensor's values look like.

use semilla::inspect::{Collector, Match, identify, orthogonal_gain};
use semilla::{DType, Tensor};

use semilla::number::rounded;

/// Tensors with fewer elements fit some initializer by chance too often to be called untrained.
pub const LEAST_SAMPLE: u64 = 1 << 10;

/// The initializer that a tensor's values are consistent with: orthogonal, or one of the laws that
/// [`identify`] knows. `held` are the first values, in the order and of the shape in which they lie
/// in the file, as many as are to be tested for orthogonality.
pub(super) fn origin(
    (held, shape): (&[f64], &[usize]),
    collector: &Collector,
    tensor: &Tensor,
) -> Option<Match> {
    let orthogonal = orthogonal(held, shape, tensor.dtype).map(|gain| Match {
        name: format!("orthogonal, gain {}", rounded(gain)),
        p: None,
    });
    orthogonal.or_else(|| identify(collector, tensor))
}

/// The gain of an orthogonal matrix, from all of it or from the first rows of a wide one.
fn orthogonal(values: &[f64], shape: &[usize], dtype: DType) -> Option<f64> {
    let &[rows, columns] = shape else {
        return None;
    };
    let read = values.len() / columns.max(1);
    let rows = match rows <= columns {
        true => read.min(rows),
        false if read < rows => return None,
        false => rows,
    };
    orthogonal_gain(&values[..rows * columns], rows, columns, dtype)
}
