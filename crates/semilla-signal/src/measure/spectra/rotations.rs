//! Singular values of small matrices.

use crate::array::Array;
use crate::sums::dot;

/// Rotates columns in pairs until they are orthogonal to each other: their norms are the matrix's
/// singular values, themselves the left singular vectors times these (Hestenes 1958).
pub(super) fn rotated(mut columns: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    const SWEEPS: usize = 60;
    const ORTHOGONAL: f64 = 1e-15;
    for _ in 0..SWEEPS {
        let mut is_done = true;
        for p in 0..columns.len() {
            for q in p + 1..columns.len() {
                let (head, tail) = columns.split_at_mut(q);
                let (x, y) = (&mut head[p], &mut tail[0]);
                let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
                if xy.abs() <= ORTHOGONAL * (xx * yy).sqrt() {
                    continue;
                }
                is_done = false;
                let ratio = (yy - xx) / (2.0 * xy);
                let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
                let cosine = tangent.hypot(1.0).recip();
                let sine = cosine * tangent;
                for (x, y) in x.iter_mut().zip(y.iter_mut()) {
                    (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
                }
            }
        }
        if is_done {
            break;
        }
    }
    columns.sort_by(|a, b| dot(b, b).total_cmp(&dot(a, a)));
    columns
}

/// The singular values of a matrix, flattened to its first axis by the rest: as many as its smaller
/// side, from the greatest to the least, each to about 1e-15 of the greatest. For small matrices:
/// the work grows with the cube of their size.
///
/// ```
/// use semilla_signal::{Array, singular_values};
///
/// let found = singular_values(&Array::new([2, 2], vec![3.0, 0.0, 4.0, 5.0]).unwrap());
/// assert!((found[0] - 45f64.sqrt()).abs() < 1e-14 && (found[1] - 5f64.sqrt()).abs() < 1e-14);
/// ```
pub fn singular_values(matrix: &Array<f64>) -> Vec<f64> {
    let rows = matrix.shape().first().copied().unwrap_or(1).max(1);
    let columns = matrix.data().len() / rows;
    let row = |at: usize| matrix.data()[at * columns..][..columns].to_vec();
    let column = |at: usize| {
        (0..rows)
            .map(|row| matrix.data()[row * columns + at])
            .collect()
    };
    of_columns(match rows <= columns {
        true => (0..rows).map(row).collect(),
        false => (0..columns).map(column).collect(),
    })
}

/// The singular values of a matrix of columns, from the greatest to the least.
pub(super) fn of_columns(columns: Vec<Vec<f64>>) -> Vec<f64> {
    let rotated = rotated(columns);
    rotated.iter().map(|column| norm(column)).collect()
}

pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_matrix_known_by_hand() {
        // [3 0; 4 5] has the singular values 3√5 and √5.
        let found = of_columns(vec![vec![3.0, 4.0], vec![0.0, 5.0]]);
        assert!((found[0] - 45f64.sqrt()).abs() < 1e-14, "{found:?}");
        assert!((found[1] - 5f64.sqrt()).abs() < 1e-14, "{found:?}");
        let flat = of_columns(vec![vec![1.0, 1.0], vec![2.0, 2.0]]);
        assert!((flat[0] - 10f64.sqrt()).abs() < 1e-14 && flat[1] < 1e-14);
        assert_eq!(of_columns(vec![vec![0.0; 2]; 2]), [0.0, 0.0]);
    }
}
