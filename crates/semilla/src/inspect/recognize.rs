//! One judgement of given weights: orthogonal, or consistent with an initializer.

use super::collector::Collector;
use super::identify::{Match, identify};
use super::orthogonal::orthogonal_gain;
use crate::model::Tensor;

/// The initializer that a tensor's values look drawn from; `None` for trained weights.
///
/// `values` are the tensor's first elements, as many as are at hand: a matrix is tested for
/// orthogonality where they hold rows enough (two for a wide one, all for a tall one). What is not
/// orthogonal is judged by the `collector`, which may have seen all elements or the first ones
/// ([`identify`]). The tensor's shape, layout and type must be those of the values.
///
/// ```
/// use semilla::inspect::{Collector, recognize};
/// use semilla::{Tensor, init};
///
/// let tensor = Tensor::linear("w", 64, 32);
/// let found = |values: Vec<f32>| {
///     let values: Vec<f64> = values.into_iter().map(f64::from).collect();
///     let mut collector = Collector::new(values.len() as u64);
///     collector.push(&values);
///     recognize(&values, &collector, &tensor).map(|found| found.name)
/// };
/// let orthogonal = found(init::orthogonal().gain(1.5).generate(&tensor, 0)?);
/// assert_eq!(orthogonal.as_deref(), Some("orthogonal, gain 1.5"));
/// let normal = found(init::normal().std(0.02).generate(&tensor, 0)?);
/// assert_eq!(normal.as_deref(), Some("normal(0, 0.02)"));
/// # Ok::<(), semilla::InitError>(())
/// ```
pub fn recognize(values: &[f64], collector: &Collector, tensor: &Tensor) -> Option<Match> {
    let orthogonal = gain(values, tensor).map(|gain| Match {
        name: format!("orthogonal, gain {}", five_digits(gain)),
        p: None,
    });
    orthogonal.or_else(|| identify(collector, tensor))
}

/// The gain of an orthogonal matrix, from all of it or from the first rows of a wide one.
fn gain(values: &[f64], tensor: &Tensor) -> Option<f64> {
    let &[rows, columns] = tensor.shape.as_slice() else {
        return None;
    };
    let held = values.len().checked_div(columns)?.min(rows);
    if held < rows && rows > columns {
        return None;
    }
    orthogonal_gain(&values[..held * columns], held, columns, tensor.dtype)
}

/// Five significant digits, without trailing zeros.
fn five_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.4e}").parse().unwrap_or(value);
    if (1e-5..1e7).contains(&rounded) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init;

    /// Of a wide matrix the first rows are enough; a tall one must be whole.
    #[test]
    fn the_first_rows_of_a_wide_matrix_are_enough() {
        for (rows, columns, is_known) in [(40, 60, true), (60, 40, false)] {
            let tensor = Tensor::linear("w", columns, rows);
            let values: Vec<f32> = init::orthogonal().generate(&tensor, 0).unwrap();
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let found = |values: &[f64]| {
                let mut collector = Collector::new(values.len() as u64);
                collector.push(values);
                let found = recognize(values, &collector, &tensor);
                found.is_some_and(|found| found.name == "orthogonal, gain 1")
            };
            assert!(found(&values));
            assert_eq!(found(&values[..20 * columns + 7]), is_known);
            assert!(!found(&[]));
        }
    }
}
