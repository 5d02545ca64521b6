//! Extreme singular values of a linear map that is known by its products only.

use super::rotations::{norm, rotated};
use crate::sums::{add, dot};

/// A linear map.
pub(super) trait Map {
    /// The map of a vector.
    fn forward(&self, x: &[f64]) -> Vec<f64>;

    /// The transposed map of a vector.
    fn back(&self, y: &[f64]) -> Vec<f64>;
}

/// The ends of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extremes {
    /// The largest singular value found: never above the largest that there is.
    pub(super) largest: f64,
    /// A singular value lies within this of it.
    pub(super) error: f64,
    /// The smallest found: never below the smallest that there is, but for rounding.
    pub(super) smallest: f64,
}

/// Golub-Kahan bidiagonalization from a vector `y` on the map's far side, with every vector made
/// orthogonal to all before it (Golub & Kahan 1965). After as many steps as there are different
/// singular values the result is exact; the largest is found much earlier.
pub(super) fn extremes(map: &impl Map, y: &[f64], steps: usize) -> Option<Extremes> {
    /// Directions below this part of the map's size are rounding.
    const NOTHING: f64 = 1e-9;
    let (mut lefts, mut rights): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
    let (mut diagonal, mut above): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let (mut right, length) = unit(map.back(y))?;
    let scale = length / norm(y);
    let mut rest = 0.0;
    for step in 0..steps {
        let mut left = map.forward(&right);
        if let (Some(before), Some(beta)) = (lefts.last(), above.last()) {
            add(&mut left, -*beta, before);
        }
        rights.push(right);
        orthogonalize(&mut left, &lefts);
        let Some((left, alpha)) = unit(left).filter(|(_, alpha)| *alpha > NOTHING * scale) else {
            // The last direction is mapped onto those before it alone.
            diagonal.push(0.0);
            rest = 0.0;
            break;
        };
        diagonal.push(alpha);
        let mut next = map.back(&left);
        add(&mut next, -alpha, &rights[step]);
        orthogonalize(&mut next, &rights);
        lefts.push(left);
        match unit(next).filter(|(_, beta)| *beta > NOTHING * scale) {
            Some((next, beta)) if step + 1 < steps => {
                above.push(beta);
                right = next;
            }
            Some((_, beta)) => {
                rest = beta;
                break;
            }
            None => {
                rest = 0.0;
                break;
            }
        }
    }
    let count = diagonal.len();
    let column = |at: usize| {
        let mut column = vec![0.0; count];
        column[at] = diagonal[at];
        if let Some(over) = at.checked_sub(1) {
            column[over] = above[over];
        }
        column
    };
    let columns = rotated((0..count).map(column).collect());
    let (first, last) = (columns.first()?, columns.last()?);
    let largest = norm(first);
    Some(Extremes {
        largest,
        error: rest * first[count - 1].abs() / largest,
        smallest: norm(last),
    })
}

/// A vector of length 1 and the length that it had; `None` of a vector of zeros.
fn unit(mut x: Vec<f64>) -> Option<(Vec<f64>, f64)> {
    let length = norm(&x);
    if length <= 0.0 || !length.is_finite() {
        return None;
    }
    x.iter_mut().for_each(|x| *x /= length);
    Some((x, length))
}

/// Twice is enough (Parlett).
fn orthogonalize(x: &mut [f64], others: &[Vec<f64>]) {
    for _ in 0..2 {
        for other in others {
            let along = dot(x, other);
            add(x, -along, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Diagonal(Vec<f64>);

    impl Map for Diagonal {
        fn forward(&self, x: &[f64]) -> Vec<f64> {
            self.0.iter().zip(x).map(|(s, x)| s * x).collect()
        }

        fn back(&self, y: &[f64]) -> Vec<f64> {
            self.forward(y)
        }
    }

    #[test]
    fn a_few_steps_find_the_largest_and_all_steps_the_smallest() {
        let values: Vec<f64> = (1..=40).map(|i| f64::from(i) / 10.0).collect();
        let map = Diagonal(values);
        let start: Vec<f64> = (0..40).map(|i| 1.0 + f64::from(i % 7)).collect();
        let few = extremes(&map, &start, 14).unwrap();
        assert!(
            (few.largest - 4.0).abs() < 1e-2 && few.largest <= 4.0,
            "{few:?}"
        );
        assert!(few.smallest >= 0.1 - 1e-12, "{few:?}");
        let all = extremes(&map, &start, 100).unwrap();
        assert!(
            (all.largest - 4.0).abs() < 1e-9 && all.error < 1e-9,
            "{all:?}"
        );
        assert!((all.smallest - 0.1).abs() < 1e-7, "{all:?}");
    }

    #[test]
    fn an_isometry_is_known_after_one_step() {
        let found = extremes(&Diagonal(vec![1.5; 16]), &[1.0; 16], 10).unwrap();
        assert_eq!(
            (found.largest, found.smallest, found.error),
            (1.5, 1.5, 0.0)
        );
        assert_eq!(extremes(&Diagonal(vec![0.0; 4]), &[1.0; 4], 10), None);
    }
}
