//! Grids in a new size, as linear maps along an axis.

use serde::{Deserialize, Serialize};

/// How a value between grid points comes from its neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Cubic convolution (Keys 1981, a = -0.5), widened when it shrinks:
    /// `F.interpolate(mode="bicubic", antialias=True)`.
    #[default]
    Bicubic,
    /// A triangle, widened when it shrinks: `F.interpolate(mode="bilinear", antialias=True)`.
    Bilinear,
    /// Cubic convolution of four neighbours (a = -0.75): `F.interpolate(mode="bicubic")`.
    BicubicPoint,
    /// Between two neighbours: `F.interpolate(mode="bilinear")`.
    BilinearPoint,
    /// Linear between points whose distances grow geometrically from the centre, so that near
    /// offsets stay apart (BEiT's tables of relative positions; Bao et al. 2022). Odd sizes only.
    Geometric,
}

/// A grid along one axis that gets a new size; the indices before and after it stay as they
/// are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Indices before the grid, such as a class token.
    #[serde(default)]
    pub before: usize,
    /// The source's grid, row-major.
    pub from: Vec<usize>,
    /// The target's grid, with as many axes.
    pub to: Vec<usize>,
    /// Indices after the grid.
    #[serde(default)]
    pub after: usize,
    /// How values between grid points are made.
    #[serde(default)]
    pub filter: Filter,
    /// Apply the pseudo-inverse of the transposed map: kernels whose response to resized patches is
    /// the old response to the patches (FlexiViT's PI-resize; Beyer et al. 2023, section 3.4).
    #[serde(default)]
    pub inverse: bool,
}

/// The largest grid in one direction.
const MOST: usize = 1 << 12;

impl Resize {
    /// The first problem of it for an axis of `size` indices.
    pub(crate) fn problem(&self, size: usize) -> Option<String> {
        let odd = |grid: &[usize]| grid.iter().all(|size| size % 2 == 1);
        let (from, to) = (&self.from, &self.to);
        if from.len() != to.len() || from.is_empty() || from.len() > 3 {
            return Some(format!("{from:?} and {to:?} are not grids of one kind"));
        }
        if from.iter().chain(to).any(|&size| size == 0 || size > MOST) {
            return Some(format!(
                "{from:?} to {to:?}: grids have 1 to {MOST} points a side"
            ));
        }
        if self.filter == Filter::Geometric && !(odd(from) && odd(to)) {
            return Some("geometric distances need odd grids".to_owned());
        }
        match self.to_size() {
            Some(found) if found == size => None,
            _ => Some(format!(
                "the grid {to:?} does not make up an axis of {size}"
            )),
        }
    }

    fn total(&self, grid: &[usize]) -> Option<usize> {
        let points = grid
            .iter()
            .try_fold(1usize, |n, &size| n.checked_mul(size))?;
        points.checked_add(self.before)?.checked_add(self.after)
    }

    /// Indices of the source's axis.
    pub fn from_size(&self) -> Option<usize> {
        self.total(&self.from)
    }

    /// Indices of the target's axis.
    pub fn to_size(&self) -> Option<usize> {
        self.total(&self.to)
    }

    /// For each of the target's indices the source's, with their weights.
    pub(crate) fn terms(&self) -> Vec<Vec<(usize, f64)>> {
        let mut terms: Vec<Vec<(usize, f64)>> =
            (0..self.before).map(|index| vec![(index, 1.0)]).collect();
        let sides: Vec<Vec<Vec<f64>>> = self
            .from
            .iter()
            .zip(&self.to)
            .map(|(&from, &to)| self.side(from, to))
            .collect();
        let points: usize = self.to.iter().product();
        for point in 0..points {
            let mut rest = point;
            // The products of one weight per side, the last side innermost.
            let mut sums = vec![(0, 1.0)];
            let mut stride = 1;
            for (side, weights) in sides.iter().enumerate().rev() {
                let row = &weights[rest % self.to[side]];
                rest /= self.to[side];
                sums = row
                    .iter()
                    .enumerate()
                    .filter(|(_, weight)| **weight != 0.0)
                    .flat_map(|(index, weight)| {
                        let scaled = |&(place, value): &(usize, f64)| {
                            (place + index * stride, value * weight)
                        };
                        sums.iter().map(scaled).collect::<Vec<_>>()
                    })
                    .collect();
                stride *= self.from[side];
            }
            for (place, _) in &mut sums {
                *place += self.before;
            }
            terms.push(sums);
        }
        let last = self.before + self.from.iter().product::<usize>();
        terms.extend((0..self.after).map(|index| vec![(last + index, 1.0)]));
        terms
    }

    /// The weights of one side: a row per target point.
    fn side(&self, from: usize, to: usize) -> Vec<Vec<f64>> {
        let weights = match self.filter {
            _ if from == to => identity(from),
            Filter::Bicubic => widened(from, to, 2.0, |x| cubic(x, -0.5)),
            Filter::Bilinear => widened(from, to, 1.0, |x| (1.0 - x.abs()).max(0.0)),
            Filter::BicubicPoint => between(from, to, |x| {
                (-1..3)
                    .map(|tap| (tap, cubic(x - tap as f64, -0.75)))
                    .collect()
            }),
            Filter::BilinearPoint => between(from, to, |x| vec![(0, 1.0 - x), (1, x)]),
            Filter::Geometric => geometric(from, to),
        };
        match self.inverse {
            true => pseudo_inverse_of_transpose(&weights),
            false => weights,
        }
    }
}

fn identity(size: usize) -> Vec<Vec<f64>> {
    (0..size)
        .map(|row| (0..size).map(|i| f64::from(u8::from(i == row))).collect())
        .collect()
}

/// Keys's cubic (1981, equation 4) of support 2.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// A kernel that grows with the step between target points, its weights made to sum to 1.
fn widened(from: usize, to: usize, support: f64, kernel: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    let scale = from as f64 / to as f64;
    let widening = scale.max(1.0);
    (0..to)
        .map(|point| {
            let centre = scale * (point as f64 + 0.5);
            let reach = support * widening;
            let low = ((centre - reach + 0.5) as usize).min(from - 1);
            let high = ((centre + reach + 0.5) as usize).clamp(low + 1, from);
            let mut row = vec![0.0; from];
            for (index, weight) in row.iter_mut().enumerate().take(high).skip(low) {
                *weight = kernel((index as f64 - centre + 0.5) / widening);
            }
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|weight| *weight /= sum);
            row
        })
        .collect()
}

/// A kernel over the nearest source points: `taps` gives offsets from the point below and their
/// weights. Points beyond the edge are the edge's.
fn between(from: usize, to: usize, taps: impl Fn(f64) -> Vec<(i64, f64)>) -> Vec<Vec<f64>> {
    let scale = from as f64 / to as f64;
    (0..to)
        .map(|point| {
            let at = scale * (point as f64 + 0.5) - 0.5;
            let below = at.floor();
            let mut row = vec![0.0; from];
            for (tap, weight) in taps(at - below) {
                let index = (below as i64 + tap).clamp(0, from as i64 - 1);
                row[index as usize] += weight;
            }
            row
        })
        .collect()
}

/// Source points at geometrically growing distances that reach as far as the target's, which lie at
/// distance 1.
fn geometric(from: usize, to: usize) -> Vec<Vec<f64>> {
    let (half, reach) = (from / 2, (to / 2) as f64);
    let progression = |ratio: f64| (1.0 - ratio.powi(half as i32)) / (1.0 - ratio);
    let (mut left, mut right, mut ratio) = (1.01, 1.5, 1.255);
    while right - left > 1e-6 {
        ratio = f64::midpoint(left, right);
        if progression(ratio) > reach {
            right = ratio;
        } else {
            left = ratio;
        }
    }
    let mut distances = vec![0.0];
    let mut step = 1.0;
    for _ in 0..half {
        distances.push(distances[distances.len() - 1] + step);
        step *= ratio;
    }
    let points: Vec<f64> = distances
        .iter()
        .skip(1)
        .rev()
        .map(|d| -d)
        .chain(distances.iter().copied())
        .collect();
    (0..to)
        .map(|point| {
            let at = point as f64 - reach;
            let mut row = vec![0.0; from];
            let above = points
                .partition_point(|&p| p < at)
                .clamp(1, (from - 1).max(1));
            if from == 1 {
                row[0] = 1.0;
                return row;
            }
            let (low, high) = (points[above - 1], points[above]);
            let part = ((at - low) / (high - low)).clamp(0.0, 1.0);
            (row[above - 1], row[above]) = (1.0 - part, part);
            row
        })
        .collect()
}

/// (Bᵀ)⁺ of a matrix B of full rank: B (BᵀB)⁻¹ where it has more rows than columns, else (BBᵀ)⁻¹ B.
fn pseudo_inverse_of_transpose(b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let (rows, columns) = (b.len(), b[0].len());
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let transposed: Vec<Vec<f64>> = (0..columns)
        .map(|column| b.iter().map(|row| row[column]).collect())
        .collect();
    let gram = |of: &[Vec<f64>]| -> Vec<Vec<f64>> {
        of.iter()
            .map(|x| of.iter().map(|y| dot(x, y)).collect())
            .collect()
    };
    if rows > columns {
        // Rows of B (BᵀB)⁻¹: each solves (BᵀB) x = its row of B.
        solve(gram(&transposed), b.to_vec())
    } else {
        let solved = solve(gram(b), transposed);
        (0..rows)
            .map(|row| solved.iter().map(|column| column[row]).collect())
            .collect()
    }
}

/// Solves A x = y for each right side, A symmetric and positive definite, by Cholesky's
/// factorization.
fn solve(mut a: Vec<Vec<f64>>, mut sides: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = a.len();
    for j in 0..n {
        for k in 0..j {
            let factor = a[j][k];
            for row in &mut a[j..] {
                row[j] -= row[k] * factor;
            }
        }
        let pivot = a[j][j].max(f64::MIN_POSITIVE).sqrt();
        for row in &mut a[j..] {
            row[j] /= pivot;
        }
    }
    for side in &mut sides {
        for i in 0..n {
            let known: f64 = (0..i).map(|k| a[i][k] * side[k]).sum();
            side[i] = (side[i] - known) / a[i][i];
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| a[k][i] * side[k]).sum();
            side[i] = (side[i] - known) / a[i][i];
        }
    }
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(from: &[usize], to: &[usize], filter: Filter) -> Resize {
        Resize {
            before: 1,
            from: from.to_vec(),
            to: to.to_vec(),
            after: 2,
            filter,
            inverse: false,
        }
    }

    /// Constant grids stay constant, the tokens around the grid stay where they were.
    #[test]
    fn weights_sum_to_one_and_tokens_stay() {
        for filter in [
            Filter::Bicubic,
            Filter::Bilinear,
            Filter::BicubicPoint,
            Filter::BilinearPoint,
            Filter::Geometric,
        ] {
            for (from, to) in [([7, 5], [13, 3]), ([3, 3], [9, 5]), ([9, 1], [9, 3])] {
                let resize = grid(&from, &to, filter);
                let terms = resize.terms();
                assert_eq!(Some(terms.len()), resize.to_size());
                assert_eq!(resize.problem(terms.len()), None);
                assert_eq!(terms[0], [(0, 1.0)]);
                assert_eq!(
                    terms[terms.len() - 1],
                    [(resize.from_size().unwrap() - 1, 1.0)]
                );
                for row in &terms {
                    let sum: f64 = row.iter().map(|(_, weight)| weight).sum();
                    assert!((sum - 1.0).abs() < 1e-12, "{filter:?} {sum}");
                }
            }
        }
    }

    /// ⟨x, w⟩ = ⟨Bx, w'⟩ for every patch x and kernel w: BᵀP is the identity when the patch grows.
    #[test]
    fn inverse_resizing_keeps_the_response() {
        let plain = Resize {
            before: 0,
            after: 0,
            ..grid(&[4, 3], &[7, 5], Filter::Bicubic)
        };
        let inverse = Resize {
            inverse: true,
            ..plain.clone()
        };
        let (b, p) = (plain.terms(), inverse.terms());
        for i in 0..12 {
            for j in 0..12 {
                let at = |row: &[(usize, f64)], index| {
                    row.iter()
                        .find(|(place, _)| *place == index)
                        .map_or(0.0, |t| t.1)
                };
                let product: f64 = b.iter().zip(&p).map(|(b, p)| at(b, i) * at(p, j)).sum();
                let expected = f64::from(u8::from(i == j));
                assert!((product - expected).abs() < 1e-10, "{i} {j} {product}");
            }
        }
    }

    #[test]
    fn impossible_grids_are_told() {
        assert!(grid(&[4], &[7, 5], Filter::Bicubic).problem(38).is_some());
        assert!(
            grid(&[4, 0], &[7, 5], Filter::Bicubic)
                .problem(38)
                .is_some()
        );
        assert!(
            grid(&[4, 3], &[7, 5], Filter::Geometric)
                .problem(38)
                .is_some()
        );
        assert!(
            grid(&[4, 3], &[7, 5], Filter::Bicubic)
                .problem(37)
                .is_some()
        );
        assert!(
            grid(&[4, 1 << 20], &[7, 5], Filter::Bicubic)
                .problem(38)
                .is_some()
        );
    }
}
