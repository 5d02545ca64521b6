//! The singular value decomposition of a square matrix, by one-sided Jacobi rotations (Hestenes
//! 1958): pairs of columns are rotated until all are orthogonal to each other.
//!
//! The rotated matrix is Rᵀ of a QR factorization with column pivoting, whose columns are nearly
//! orthogonal to begin with (Drmač & Veselić 2008). Columns are taken in blocks, and pairs of
//! blocks in the order of a round-robin tournament (Brent & Luk 1985): a round's pairs have nothing
//! in common, so they go to any number of threads without a change of bits.

use rayon::prelude::*;

use super::lanes::Lanes;
#[cfg(target_arch = "x86_64")]
use crate::stream::simd::{Avx2, Avx512};
use crate::stream::{Cpu, simd::Portable};

/// A = U diag(s) Vᵀ, with s descending.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Svd {
    /// The left singular vectors, one after the other: Uᵀ row-major.
    pub(crate) left: Vec<f64>,
    /// The singular values, the largest first.
    pub(crate) values: Vec<f64>,
    /// The right singular vectors, one after the other: Vᵀ row-major.
    pub(crate) right: Vec<f64>,
}

/// Columns that are rotated against each other while they stay in a core's cache.
const BLOCK: usize = 32;

/// A dot product is this many sums side by side, element i in sum i mod 32.
const SUMS: usize = 32;

/// Far more than any matrix needs (about ten): the end of the road for what is not finite.
const SWEEPS: usize = 40;

/// Decomposes the `n` × `n` row-major matrix of finite values.
///
/// # Panics
/// If the matrix does not have `n * n` elements.
pub(crate) fn svd(matrix: &[f64], n: usize) -> Svd {
    assert_eq!(matrix.len(), n * n, "elements of a square matrix");
    if n == 0 {
        let (left, values, right) = (vec![], vec![], vec![]);
        return Svd {
            left,
            values,
            right,
        };
    }
    let scale = power_of_two_near(matrix);
    let (columns, order) = triangular(columns(matrix, n, 1.0 / scale), n);
    let mut blocks = blocks(&columns, n);
    let cpu = Cpu::detected();
    for _ in 0..SWEEPS {
        if !sweep(cpu, &mut blocks, padded(n)) {
            break;
        }
    }
    decomposition(&blocks.concat(), &order, n, scale)
}

fn padded(n: usize) -> usize {
    n.next_multiple_of(SUMS)
}

/// The power of two that takes the largest magnitude near 1, so that squares neither overflow nor
/// vanish.
fn power_of_two_near(matrix: &[f64]) -> f64 {
    let largest = matrix.iter().fold(0f64, |most, x| most.max(x.abs()));
    let power = f64::from_bits(largest.to_bits() & f64::INFINITY.to_bits());
    power.clamp(2f64.powi(-1000), 2f64.powi(1000))
}

/// The matrix's columns, one after the other, padded with zeros.
fn columns(matrix: &[f64], n: usize, factor: f64) -> Vec<f64> {
    let mut columns = vec![0.0; n * padded(n)];
    for (i, row) in matrix.chunks_exact(n).enumerate() {
        for (to, x) in columns[i..].iter_mut().step_by(padded(n)).zip(row) {
            *to = x * factor;
        }
    }
    columns
}

/// Factorizes A P = Q R, by Gram and Schmidt's method with the longest remainder next.
///
/// Answers Rᵀ and Q, column k of Rᵀ and then column k of Q, and which columns of A those of R are.
fn triangular(mut rest: Vec<f64>, n: usize) -> (Vec<f64>, Vec<usize>) {
    let width = padded(n);
    let mut order: Vec<usize> = (0..n).collect();
    let mut r = vec![0.0; n * width];
    let mut q: Vec<f64> = Vec::with_capacity(n * width);
    let mut lengths: Vec<f64> = rest.chunks_exact(width).map(|x| dot(x, x)).collect();
    for k in 0..n {
        let longest = (k..n).fold(k, |m, j| if lengths[j] > lengths[m] { j } else { m });
        order.swap(k, longest);
        lengths.swap(k, longest);
        let (before, after) = rest.split_at_mut((k + 1) * width);
        let next = &mut before[k * width..];
        if longest > k {
            next.swap_with_slice(&mut after[(longest - k - 1) * width..][..width]);
            for row in r[..k * width].chunks_exact_mut(width) {
                row.swap(k, longest);
            }
        }
        q.extend_from_slice(&direction(next, &q, width, n));
        let q = &q[k * width..];
        let row = &mut r[k * width..(k + 1) * width];
        let columns = rest[k * width..]
            .par_chunks_exact_mut(width)
            .with_min_len(16);
        let parts = row[k..n].par_iter_mut().zip(lengths[k..].par_iter_mut());
        columns.zip(parts).for_each(|(column, (r, length))| {
            *r = dot(q, column);
            subtract(column, *r, q);
            *length = dot(column, column);
        });
    }
    (interleaved(&r, &q, width), order)
}

fn interleaved(a: &[f64], b: &[f64], width: usize) -> Vec<f64> {
    let pairs = a.chunks_exact(width).zip(b.chunks_exact(width));
    pairs.flat_map(|(a, b)| [a, b]).flatten().copied().collect()
}

/// The unit vector along what `x` has beside the unit vectors `others`; any such, if that is
/// nothing.
fn direction(x: &[f64], others: &[f64], width: usize, n: usize) -> Vec<f64> {
    /// Where each takes most of what is left, that is rounding's work and no direction.
    const PASSES: usize = 4;
    let mut x = x.to_vec();
    // Once the length is 1, once more removes what rounding left (Giraud, Langou & Rozložník 2005).
    for pass in 1..=PASSES {
        let length = dot(&x, &x).sqrt();
        if length <= 0.0 {
            break;
        }
        x.iter_mut().for_each(|x| *x /= length);
        for other in others.chunks_exact(width) {
            let along = dot(other, &x);
            subtract(&mut x, along, other);
        }
        let length = dot(&x, &x).sqrt();
        if pass > 1 && length > 0.5 {
            x.iter_mut().for_each(|x| *x /= length);
            return x;
        }
    }
    perpendicular(others, width, n)
}

/// Eight sums side by side, element i in sum i mod 8; the lengths are multiples of 8.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0f64; 8];
    for (x, y) in x.as_chunks::<8>().0.iter().zip(y.as_chunks::<8>().0) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    sums.iter().sum()
}

/// `from - factor * x`.
fn subtract(from: &mut [f64], factor: f64, x: &[f64]) {
    for (from, x) in from.iter_mut().zip(x) {
        *from -= factor * x;
    }
}

fn blocks(columns: &[f64], n: usize) -> Vec<Vec<f64>> {
    columns
        .chunks(BLOCK * 2 * padded(n))
        .map(<[f64]>::to_vec)
        .collect()
}

/// Rotates every pair of columns once; answers whether any was not orthogonal yet.
fn sweep(cpu: Cpu, blocks: &mut [Vec<f64>], width: usize) -> bool {
    let within = |block: &mut Vec<f64>| rotate(cpu, block, &mut [], width);
    let mut rotated = blocks
        .par_iter_mut()
        .map(within)
        .reduce(|| false, |a, b| a | b);
    // The first block stays, the others go round; an odd one out rests.
    let count = blocks.len();
    let seats = count.next_multiple_of(2);
    for round in 0..seats.saturating_sub(1) {
        let seat = |i: usize| {
            if i == 0 {
                0
            } else {
                1 + (i - 1 + round) % (seats - 1)
            }
        };
        let mut pairs: Vec<_> = (0..seats / 2)
            .map(|i| (seat(i), seat(seats - 1 - i)))
            .map(|(a, b)| (a.min(b), a.max(b)))
            .filter(|&(_, b)| b < count)
            .map(|(a, b)| {
                (
                    a,
                    b,
                    std::mem::take(&mut blocks[a]),
                    std::mem::take(&mut blocks[b]),
                )
            })
            .collect();
        rotated |= pairs
            .par_iter_mut()
            .with_max_len(1)
            .map(|(_, _, a, b)| rotate(cpu, a, b, width))
            .reduce(|| false, |a, b| a | b);
        for (a, b, first, second) in pairs {
            blocks[a] = first;
            blocks[b] = second;
        }
    }
    rotated
}

/// Rotates each column of `a` against each of `b`, or against the others of `a` if there is no `b`.
fn rotate(cpu: Cpu, a: &mut [f64], b: &mut [f64], width: usize) -> bool {
    match cpu {
        // SAFETY: the value of type Avx512 proves that the CPU has these features.
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx512(simd) => unsafe { rotate_avx512(simd, a, b, width) },
        // SAFETY: the value of type Avx2 proves that the CPU has these features.
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx2(simd) => unsafe { rotate_avx2(simd, a, b, width) },
        Cpu::Portable => rotate_pairs(Portable, a, b, width),
    }
}

/// # Safety
/// The CPU must have the features: `simd` is the proof.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn rotate_avx512(simd: Avx512, a: &mut [f64], b: &mut [f64], width: usize) -> bool {
    rotate_pairs(simd, a, b, width)
}

/// # Safety
/// The CPU must have the features: `simd` is the proof.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn rotate_avx2(simd: Avx2, a: &mut [f64], b: &mut [f64], width: usize) -> bool {
    rotate_pairs(simd, a, b, width)
}

#[inline(always)]
fn rotate_pairs<S: Lanes<f64>>(simd: S, a: &mut [f64], b: &mut [f64], width: usize) -> bool {
    let mut rotated = false;
    let mut rest = a;
    while let Some((x, others)) = rest
        .split_at_mut_checked(2 * width)
        .filter(|(x, _)| !x.is_empty())
    {
        if b.is_empty() {
            for y in others.chunks_exact_mut(2 * width) {
                rotated |= rotate_pair(simd, x, y, width);
            }
        } else {
            for y in b.chunks_exact_mut(2 * width) {
                rotated |= rotate_pair(simd, x, y, width);
            }
        }
        rest = others;
    }
    rotated
}

/// Makes two columns orthogonal, the longer one first; answers whether they were not.
#[inline(always)]
fn rotate_pair<S: Lanes<f64>>(simd: S, x: &mut [f64], y: &mut [f64], width: usize) -> bool {
    let [xx, xy, yy] = products(simd, &x[..width], &y[..width]);
    // About what rounding leaves of the dot product of perpendicular vectors; false for NaN.
    let tolerance = f64::EPSILON * (width as f64).sqrt() / 2.0;
    let oblique = xy.abs() > tolerance * (xx.sqrt() * yy.sqrt());
    if !oblique {
        return false;
    }
    let zeta = (yy - xx) / (2.0 * xy);
    let tangent = (1.0 / (zeta.abs() + (1.0 + zeta * zeta).sqrt())).copysign(zeta);
    if tangent == 0.0 {
        return false;
    }
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    turn(simd, x, y, cosine, cosine * tangent);
    true
}

/// (x·x, x·y, y·y).
#[inline(always)]
fn products<S: Lanes<f64>>(simd: S, x: &[f64], y: &[f64]) -> [f64; 3] {
    let mut sums = [[0f64; SUMS]; 3];
    // Two vectors of each sum at a time: enough to keep the multipliers busy, few enough for
    // registers.
    for lane in (0..SUMS).step_by(2 * S::LANES) {
        let mut parts = [[simd.splat(0.0); 3]; 2];
        for at in (lane..x.len().min(y.len())).step_by(SUMS) {
            for (half, [xx, xy, yy]) in parts.iter_mut().enumerate() {
                let at = at + half * S::LANES;
                // SAFETY: both lengths are multiples of SUMS, so the vector at `at` is inside.
                unsafe {
                    let (x, y) = (simd.load(x.as_ptr().add(at)), simd.load(y.as_ptr().add(at)));
                    *xx = simd.mul_add(x, x, *xx);
                    *xy = simd.mul_add(x, y, *xy);
                    *yy = simd.mul_add(y, y, *yy);
                }
            }
        }
        for (half, parts) in parts.iter().enumerate() {
            for (sums, part) in sums.iter_mut().zip(parts) {
                // SAFETY: twice LANES divides SUMS.
                unsafe { simd.store(sums.as_mut_ptr().add(lane + half * S::LANES), *part) }
            }
        }
    }
    sums.map(|sums| sums.iter().sum())
}

/// (x, y) becomes (c x - s y, s x + c y).
#[inline(always)]
fn turn<S: Lanes<f64>>(simd: S, x: &mut [f64], y: &mut [f64], cosine: f64, sine: f64) {
    let zero = simd.splat(0.0);
    let (c, s, minus_s) = (simd.splat(cosine), simd.splat(sine), simd.splat(-sine));
    for at in (0..x.len().min(y.len())).step_by(S::LANES) {
        // SAFETY: both lengths are multiples of SUMS, which LANES divides.
        unsafe {
            let (to_x, to_y) = (x.as_mut_ptr().add(at), y.as_mut_ptr().add(at));
            let (x, y) = (simd.load(to_x), simd.load(to_y));
            simd.store(to_x, simd.mul_add(c, x, simd.mul_add(minus_s, y, zero)));
            simd.store(to_y, simd.mul_add(s, x, simd.mul_add(c, y, zero)));
        }
    }
}

/// Reads off what the rotated columns hold: V diag(s), but for the order of rows, and U.
fn decomposition(columns: &[f64], rows: &[usize], n: usize, scale: f64) -> Svd {
    let width = padded(n);
    let columns: Vec<_> = columns
        .chunks_exact(2 * width)
        .map(|c| c.split_at(width))
        .collect();
    let lengths: Vec<f64> = columns.iter().map(|(x, _)| dot(x, x).sqrt()).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    // What is shorter is rounding's work, and has no direction of its own.
    let least = lengths[order[0]] * f64::EPSILON;
    let mut left = Vec::with_capacity(n * n);
    let mut directions: Vec<f64> = Vec::with_capacity(n * width);
    for &j in &order {
        let (x, u) = columns[j];
        left.extend_from_slice(&u[..n]);
        if lengths[j] > least {
            directions.extend(x.iter().map(|x| x / lengths[j]));
        } else {
            let next = perpendicular(&directions, width, n);
            directions.extend(next);
        }
    }
    let mut right = vec![0.0; n * n];
    for (to, from) in right
        .chunks_exact_mut(n)
        .zip(directions.chunks_exact(width))
    {
        for (&row, x) in rows.iter().zip(from) {
            to[row] = *x;
        }
    }
    let values = order.iter().map(|&j| lengths[j] * scale).collect();
    Svd {
        left,
        values,
        right,
    }
}

/// A unit vector perpendicular to the unit vectors given, which are fewer than `n`.
fn perpendicular(vectors: &[f64], width: usize, n: usize) -> Vec<f64> {
    let mut longest = (vec![0.0; width], 0.0);
    for axis in 0..n {
        let mut candidate = vec![0.0; width];
        candidate[axis] = 1.0;
        for vector in vectors
            .chunks_exact(width)
            .chain(vectors.chunks_exact(width))
        {
            let along = dot(vector, &candidate);
            subtract(&mut candidate, along, vector);
        }
        let length = dot(&candidate, &candidate).sqrt();
        if length > longest.1 {
            longest = (candidate, length);
        }
        // Some axis keeps at least the root of an n-th part: half of that is good enough.
        if longest.1 * longest.1 * n as f64 >= 0.25 {
            break;
        }
    }
    let (vector, length) = longest;
    vector.into_iter().map(|x| x / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    fn normals(n: usize) -> Vec<f64> {
        let mut matrix = vec![0.0; n * n];
        <f64 as super::super::product::Scalar>::normals(Stream::new(1, "svd"), 0, &mut matrix);
        matrix
    }

    fn check(matrix: &[f64], n: usize) {
        let Svd {
            left,
            values,
            right,
        } = svd(matrix, n);
        let largest = values.first().copied().unwrap_or(0.0);
        assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
        for i in 0..n {
            for j in 0..n {
                let terms = (0..n).map(|k| left[k * n + i] * values[k] * right[k * n + j]);
                let error = (terms.sum::<f64>() - matrix[i * n + j]).abs();
                assert!(
                    error <= 1e-14 * largest * (n as f64).sqrt(),
                    "{n}: {error:e}"
                );
                for vectors in [&left, &right] {
                    let dot: f64 = (0..n)
                        .map(|k| vectors[i * n + k] * vectors[j * n + k])
                        .sum();
                    let error = (dot - f64::from(u8::from(i == j))).abs();
                    assert!(error < 1e-13, "{n}: {error:e}");
                }
            }
        }
    }

    #[test]
    fn decomposes_every_size() {
        for n in [0, 1, 2, 3, 31, 32, 33, 65, 100, 150] {
            check(&normals(n), n);
        }
    }

    #[test]
    fn decomposes_matrices_without_full_rank() {
        check(&[0.0; 25], 5);
        let mut projection = vec![0.0; 49];
        projection[8] = 3.0;
        projection[24] = -2.0;
        check(&projection, 7);
        let ones = vec![1.0; 40 * 40];
        check(&ones, 40);
        assert!((svd(&ones, 40).values[0] - 40.0).abs() < 1e-13);
        // What rounding leaves of a column lies where the others do.
        let full = normals(8);
        let mut confined = full.clone();
        confined[5 * 8..].fill(0.0);
        check(&confined, 8);
        for row in confined.chunks_exact_mut(8) {
            row[3] = row[0] + row[1] / 3.0;
        }
        check(&confined, 8);
    }

    #[test]
    fn finds_known_values_at_any_scale() {
        for scale in [1.0, 1e-300, 1e300] {
            let n = 6;
            let mut matrix = vec![0.0; n * n];
            // Hilbert-like decay on an antidiagonal: the values are the magnitudes.
            for i in 0..n {
                matrix[i * n + (n - 1 - i)] = -scale / 10f64.powi(i as i32);
            }
            let values = svd(&matrix, n).values;
            for (i, value) in values.iter().enumerate() {
                let expected = scale / 10f64.powi(i as i32);
                assert!(
                    (value / expected - 1.0).abs() < 1e-14,
                    "{value:e} {expected:e}"
                );
            }
        }
    }

    #[test]
    fn every_instruction_set_and_thread_count_gives_the_same_bits() {
        let n = 70;
        let matrix = normals(n);
        let decompose = |cpu| {
            let (columns, _) = triangular(columns(&matrix, n, 1.0), n);
            let mut blocks = blocks(&columns, n);
            while sweep(cpu, &mut blocks, padded(n)) {}
            blocks
        };
        let expected = decompose(Cpu::Portable);
        for cpu in crate::stream::cpus() {
            assert!(decompose(cpu) == expected);
        }
        let whole = svd(&matrix, n);
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            assert!(
                pool.unwrap().install(|| svd(&matrix, n)) == whole,
                "{threads}"
            );
        }
    }

    #[test]
    fn what_is_not_finite_comes_to_an_end() {
        let mut matrix = normals(33);
        matrix[5] = f64::NAN;
        matrix[80] = f64::INFINITY;
        svd(&matrix, 33);
    }
}
