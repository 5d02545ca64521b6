use super::product::{Extent, Groups, Rows, Scalar, Target};
use super::reflectors::{BLOCK, Block, Panel};
use super::*;
use crate::stream::{Cpu, Stream, cpus};

fn single(stream: Stream, rows: usize, cols: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; rows * cols];
    orthogonal(stream, rows, cols, 1.0, &mut out);
    out
}

fn double(stream: Stream, rows: usize, cols: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; rows * cols];
    orthogonal_f64(stream, rows, cols, 1.0, &mut out);
    out
}

/// max |Q Qᵀ - I| over the orthonormal vectors, in double precision.
fn deviation<T: Copy + Into<f64>>(matrix: &[T], rows: usize, cols: usize) -> f64 {
    let at = |i: usize, j: usize| -> f64 { matrix[i * cols + j].into() };
    let (number, length) = (rows.min(cols), rows.max(cols));
    let vectors: Vec<Vec<f64>> = (0..number)
        .map(|j| {
            (0..length)
                .map(|i| if rows <= cols { at(j, i) } else { at(i, j) })
                .collect()
        })
        .collect();
    let mut worst = 0f64;
    for (i, a) in vectors.iter().enumerate() {
        for (j, b) in vectors.iter().enumerate().take(i + 1) {
            let mut sums = [0f64; 8];
            for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += a * b;
                }
            }
            let tail = length / 8 * 8;
            let rest: f64 = a[tail..].iter().zip(&b[tail..]).map(|(a, b)| a * b).sum();
            let dot = sums.iter().sum::<f64>() + rest;
            worst = worst.max((dot - f64::from(u8::from(i == j))).abs());
        }
    }
    worst
}

const SHAPES: [(usize, usize); 16] = [
    (1, 1),
    (1, 9),
    (9, 1),
    (2, 2),
    (3, 5),
    (5, 3),
    (47, 48),
    (49, 49),
    (64, 64),
    (65, 64),
    (64, 130),
    (130, 129),
    (200, 333),
    (333, 200),
    (300, 300),
    (7, 1000),
];

#[test]
fn vectors_are_orthonormal_in_every_shape() {
    for (rows, cols) in SHAPES {
        let stream = Stream::new(5, "shapes");
        let worst = deviation(&single(stream, rows, cols), rows, cols);
        assert!(worst < 3e-6, "{rows}x{cols}: {worst:e}");
        let worst = deviation(&double(stream, rows, cols), rows, cols);
        assert!(worst < 1e-14, "{rows}x{cols}: {worst:e}");
    }
}

#[test]
fn large_matrices_are_orthogonal() {
    let matrix = single(Stream::new(1, "large"), 2048, 2048);
    let deviation = deviation(&matrix, 2048, 2048);
    assert!(deviation < 1e-5, "{deviation:e}");
}

/// The product in the order that defines it.
fn product_by_definition<T: Scalar>(
    [rows, depth, cols]: [usize; 3],
    [a, b, c]: [&[T]; 3],
    fused: fn(T, T, T) -> T,
) -> Vec<T> {
    let mut out = c.to_vec();
    for i in 0..rows {
        for j in 0..cols {
            for k in 0..depth {
                out[i * cols + j] = fused(a[i * depth + k], b[k * cols + j], out[i * cols + j]);
            }
        }
    }
    out
}

/// Packs B for a CPU, multiplies, and unpacks C.
fn product<T: Scalar>(cpu: Cpu, [rows, depth, cols]: [usize; 3], [a, b, c]: [&[T]; 3]) -> Vec<T> {
    let tile = T::tile(cpu);
    let (padded, groups) = (rows.next_multiple_of(tile.rows), cols.div_ceil(tile.cols));
    let mut spread_a = vec![T::zeroed(); padded * depth];
    spread_a[..a.len()].copy_from_slice(a);
    let (mut packed, row) = (
        vec![T::zeroed(); groups * depth * tile.cols],
        groups * tile.cols,
    );
    let mut spread_c = vec![T::zeroed(); padded * row];
    for j in 0..cols {
        let (group, column) = (j / tile.cols, j % tile.cols);
        for k in 0..depth {
            packed[(group * depth + k) * tile.cols + column] = b[k * cols + j];
        }
        for i in 0..rows {
            spread_c[i * row + j] = c[i * cols + j];
        }
    }
    let extent = Extent {
        rows: padded,
        groups,
        depth,
    };
    let a = Rows {
        data: &spread_a,
        stride: depth,
    };
    let b = Groups {
        data: &packed,
        stride: depth * tile.cols,
    };
    let c = Target {
        data: &mut spread_c,
        row,
        group: tile.cols,
    };
    T::add_product(cpu, extent, a, b, c);
    spread_c
        .chunks_exact(row.max(1))
        .take(rows)
        .flat_map(|row| row[..cols].to_vec())
        .collect()
}

fn check_product<T: Scalar + PartialEq>(extent: [usize; 3], fused: fn(T, T, T) -> T) {
    let [rows, depth, cols] = extent;
    let normals = |part, len| {
        let mut out = vec![T::zeroed(); len];
        T::normals(
            Stream::new(3, "product").part(crate::stream::Part(part)),
            0,
            &mut out,
        );
        out
    };
    let (a, b, c) = (
        normals(0, rows * depth),
        normals(1, depth * cols),
        normals(2, rows * cols),
    );
    let expected = product_by_definition(extent, [&a, &b, &c], fused);
    for cpu in cpus() {
        assert!(product(cpu, extent, [&a, &b, &c]) == expected, "{extent:?}");
    }
}

#[test]
fn products_are_the_defined_chains_on_every_instruction_set() {
    for extent in [
        [1, 1, 1],
        [13, 7, 33],
        [5, 300, 70],
        [30, 129, 31],
        [4, 0, 9],
        [24, 128, 64],
    ] {
        check_product::<f32>(extent, f32::mul_add);
        check_product::<f64>(extent, f64::mul_add);
    }
}

/// The matrix of orthonormal rows, made by one instruction set, one thread, one panel.
fn by_one_panel<T: Scalar>(cpu: Cpu, stream: Stream, rows: usize, cols: usize) -> Vec<T> {
    let mut panel = Panel::new(cpu, rows, cols);
    let mut out = vec![T::zeroed(); rows * cols];
    panel.load(&out, cols, rows);
    for start in (0..rows).step_by(BLOCK).rev() {
        Block::draw(cpu, stream, rows, cols, start).apply(cpu, 0, rows, &mut panel);
    }
    panel.unload(&mut out, cols, 0, T::of(1.0));
    out
}

#[test]
fn every_instruction_set_and_partition_gives_the_same_bits() {
    let stream = Stream::new(8, "bits");
    for (rows, cols) in [(1, 1), (3, 5), (64, 64), (70, 70), (150, 201), (260, 300)] {
        let expected = by_one_panel::<f32>(Cpu::Portable, stream, rows, cols);
        let expected_f64 = by_one_panel::<f64>(Cpu::Portable, stream, rows, cols);
        for cpu in cpus() {
            assert!(by_one_panel::<f32>(cpu, stream, rows, cols) == expected);
            assert!(by_one_panel::<f64>(cpu, stream, rows, cols) == expected_f64);
        }
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert!(
                pool.install(|| single(stream, rows, cols)) == expected,
                "{rows}x{cols}"
            );
            assert!(pool.install(|| double(stream, rows, cols)) == expected_f64);
        }
        let matrix = Orthogonal::<f32>::new(stream, rows, cols, 1.0);
        for cut in [0, 1, rows / 3, rows / 2, rows] {
            let mut out = vec![f32::NAN; rows * cols];
            let (above, below) = out.split_at_mut(cut * cols);
            matrix.vectors(0..cut, above);
            matrix.vectors(cut..rows, below);
            assert!(out == expected, "{rows}x{cols} cut at {cut}");
        }
        let tall = single(stream, cols, rows);
        // A square matrix is its own wide form.
        let turned = rows == cols
            || (0..rows * cols).all(|i| tall[i] == expected[i % rows * cols + i / rows]);
        assert!(turned, "{rows}x{cols}");
    }
}

/// A matrix whose blocks do not all fit in the memory they are held in.
#[test]
fn batches_of_blocks_do_not_change_bits() {
    let (rows, cols) = (200, 90_000);
    let stream = Stream::new(2, "batches");
    let matrix = Orthogonal::<f32>::new(stream, rows, cols, 1.0);
    let mut out = vec![f32::NAN; rows * cols];
    matrix.vectors(0..rows, &mut out);
    assert!(out == by_one_panel::<f32>(Cpu::detected(), stream, rows, cols));
    let mut some = vec![f32::NAN; 30 * cols];
    matrix.vectors(100..130, &mut some);
    assert!(some == out[100 * cols..130 * cols]);
}

#[test]
fn gain_scales_and_empty_matrices_are_empty() {
    let mut doubled = vec![0f32; 15];
    orthogonal(Stream::new(0, "gain"), 3, 5, 2.0, &mut doubled);
    let once = single(Stream::new(0, "gain"), 3, 5);
    assert!(doubled.iter().zip(&once).all(|(a, b)| *a == 2.0 * b));
    for (rows, cols) in [(0, 0), (0, 5), (5, 0)] {
        assert!(single(Stream::new(0, "empty"), rows, cols).is_empty());
    }
}

/// Distance of the empirical distribution from `cdf` on uniform numbers, times √n (Kolmogorov).
fn kolmogorov(mut values: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let gaps = values.iter().enumerate().map(|(i, &x)| {
        let p = cdf(x);
        (p - i as f64 / n).abs().max((p - (i + 1) as f64 / n).abs())
    });
    gaps.fold(0.0, f64::max) * n.sqrt()
}

/// The exact distribution of one entry of a Haar matrix: density ∝ (1 - x²)^((n-3)/2), integrated
/// for n = 3, 4, 5.
fn entry_cdf(n: usize, x: f64) -> f64 {
    let x = x.clamp(-1.0, 1.0);
    match n {
        3 => (1.0 + x) / 2.0,
        4 => 0.5 + (x * (1.0 - x * x).sqrt() + x.asin()) / std::f64::consts::PI,
        5 => 0.5 + 0.75 * x - 0.25 * x * x * x,
        _ => unreachable!("only these"),
    }
}

/// 1.95 is exceeded by one in a thousand; the seeds are fixed.
#[test]
fn every_entry_has_the_distribution_of_haars_measure() {
    for n in [3, 4, 5] {
        let matrices: Vec<_> = (0..4000)
            .map(|seed| single(Stream::new(seed, "haar"), n, n))
            .collect();
        for entry in 0..n * n {
            let values = matrices.iter().map(|m| f64::from(m[entry])).collect();
            let distance = kolmogorov(values, |x| entry_cdf(n, x));
            assert!(distance < 1.95, "{n}: entry {entry}: {distance}");
        }
        // A fixed rotation of a Haar matrix is a Haar matrix: from the left, and from the right.
        let other = single(Stream::new(99, "fixed"), n, n);
        for transposed in [false, true] {
            let corner = |m: &[f32]| -> f64 {
                let at = |i: usize| if transposed { m[i * n] } else { m[i] };
                (0..n).map(|i| f64::from(other[i]) * f64::from(at(i))).sum()
            };
            let distance = kolmogorov(matrices.iter().map(|m| corner(m)).collect(), |x| {
                entry_cdf(n, x)
            });
            assert!(distance < 1.95, "{n}: rotated: {distance}");
        }
    }
}

/// Of a Haar-distributed matrix of O(n), n ≥ 4: E tr Q = 0, E (tr Q)² = 1, E (tr Q)⁴ = 3, E tr Q² =
/// 1, and the traces of Q and Q² are uncorrelated (Diaconis & Shahshahani 1994, theorem 4).
#[test]
fn traces_have_the_moments_of_haars_measure() {
    let (n, count) = (8, 20_000);
    let mut moments = [0f64; 5];
    let mut positive = 0;
    for seed in 0..count {
        let q = single(Stream::new(seed, "trace"), n, n);
        let at = |i: usize, j: usize| f64::from(q[i * n + j]);
        let trace: f64 = (0..n).map(|i| at(i, i)).sum();
        let square: f64 = (0..n * n)
            .map(|k| at(k / n, k % n) * at(k % n, k / n))
            .sum();
        for (moment, value) in
            moments
                .iter_mut()
                .zip([trace, trace.powi(2), trace.powi(4), square, trace * square])
        {
            *moment += value / count as f64;
        }
        positive += usize::from(determinant(&q, n) > 0.0);
    }
    // Five standard errors each.
    let error = 5.0 / (count as f64).sqrt();
    let expected = [
        (0.0, 1.0),
        (1.0, 1.42),
        (3.0, 9.8),
        (1.0, 1.42),
        (0.0, 1.75),
    ];
    for (moment, (expected, deviation)) in moments.iter().zip(expected) {
        assert!((moment - expected).abs() < error * deviation, "{moments:?}");
    }
    let half = positive as f64 / count as f64;
    assert!(
        (half - 0.5).abs() < error * 0.5,
        "{half} have determinant 1"
    );
}

/// By elimination.
fn determinant(matrix: &[f32], n: usize) -> f64 {
    let mut rows: Vec<Vec<f64>> = matrix
        .chunks(n)
        .map(|row| row.iter().map(|&x| f64::from(x)).collect())
        .collect();
    let mut determinant = 1.0;
    for k in 0..n {
        let pivot = (k..n)
            .max_by(|&i, &j| rows[i][k].abs().total_cmp(&rows[j][k].abs()))
            .unwrap();
        if pivot != k {
            rows.swap(pivot, k);
            determinant = -determinant;
        }
        determinant *= rows[k][k];
        let (above, below) = rows.split_at_mut(k + 1);
        for row in below {
            let factor = row[k] / above[k][k];
            row.iter_mut()
                .zip(&above[k])
                .for_each(|(a, b)| *a -= factor * b);
        }
    }
    determinant
}

/// The stream's version fixes these bits.
#[test]
fn golden() {
    let sum = |values: Vec<u64>| values.iter().fold(0u64, |sum, v| sum.rotate_left(5) ^ v);
    let stream = Stream::new(42, "golden");
    let first = single(stream, 100, 130);
    let bits = sum(first.iter().map(|x| u64::from(x.to_bits())).collect());
    let double = sum(double(stream, 100, 130)
        .iter()
        .map(|x| x.to_bits())
        .collect());
    assert_eq!(
        (bits, double),
        (0xb202_6e06_e9ee_7e04, 0xc0a0_901d_b721_6166),
        "{bits:#x} {double:#x}"
    );
}

fn drawn(seed: u64, len: usize) -> Vec<f64> {
    let mut values = vec![0.0; len];
    f64::normals(Stream::new(seed, "drawn"), 0, &mut values);
    values
}

#[test]
fn whole_products_are_the_defined_chains() {
    for [rows, depth, cols] in [
        [1, 1, 1],
        [5, 7, 3],
        [97, 33, 300],
        [200, 64, 17],
        [3, 129, 600],
    ] {
        let (a, b) = (drawn(1, rows * depth), drawn(2, depth * cols));
        let zero = vec![0.0; rows * cols];
        let expected = product_by_definition([rows, depth, cols], [&a, &b, &zero], f64::mul_add);
        assert_eq!(Packed::new(&b, depth, cols).times(&a), expected);
        let turned = transpose(&b, cols);
        assert_eq!(Packed::transposed(&turned, cols, depth).times(&a), expected);
    }
    assert!(Packed::new(&[], 0, 3).times(&[]).is_empty());
    assert!(Packed::new(&[], 3, 0).times(&[1.0; 6]).is_empty());
    assert!(transpose(&[], 0).is_empty());
}

#[test]
fn a_basis_is_orthonormal_whatever_it_is_made_of() {
    let length = 90;
    let mut vectors = drawn(3, 70 * length);
    // Twice the same, nothing at all, sums of others, and nearly a sum of others.
    vectors.copy_within(0..2 * length, 40 * length);
    vectors[45 * length..48 * length].fill(0.0);
    for place in [50, 51, 52] {
        for i in 0..length {
            let tiny = if place == 52 {
                1e-13 * vectors[60 * length + i]
            } else {
                0.0
            };
            vectors[place * length + i] = vectors[i] + vectors[3 * length + i] + tiny;
        }
    }
    let mut basis = Basis::new(length);
    basis.extend(&vectors);
    assert_eq!(basis.len(), 70);
    assert!(deviation(&basis.vectors, 70, length) < 1e-14);
    // The span has what was given.
    let along = Packed::transposed(&basis.vectors, 70, length).times(&vectors);
    let back = Packed::new(&basis.vectors, 70, length).times(&along);
    let error = back.iter().zip(&vectors).map(|(x, y)| (x - y).abs());
    assert!(error.fold(0.0, f64::max) < 1e-13);
}

/// A matrix with these singular values, the largest first.
fn with_values(rows: usize, cols: usize, values: &[f64]) -> Vec<f64> {
    let mut left = double(Stream::new(1, "left"), values.len(), rows);
    let right = double(Stream::new(1, "right"), values.len(), cols);
    for (vector, value) in left.chunks_exact_mut(rows).zip(values) {
        vector.iter_mut().for_each(|x| *x *= value);
    }
    Packed::new(&right, values.len(), cols).times(&transpose(&left, rows))
}

fn check_triplets(found: &Singular, matrix: &[f64], rows: usize, cols: usize, expected: &[f64]) {
    let count = found.values.len();
    for (value, expected) in found.values.iter().zip(expected) {
        assert!(
            (value - expected).abs() < 1e-11 * expected.max(1e-3),
            "{value} {expected}"
        );
    }
    for (vectors, length) in [(&found.left, rows), (&found.right, cols)] {
        let deviation = deviation(vectors, count, length);
        assert!(deviation < 1e-12, "{rows}x{cols}: {deviation:e}");
    }
    let images = Packed::transposed(matrix, rows, cols).times(&found.right);
    let pairs = found.values.iter().zip(found.left.chunks_exact(rows));
    for (image, (value, left)) in images.chunks_exact(rows).zip(pairs) {
        let error = image.iter().zip(left).map(|(x, u)| (x - value * u).abs());
        assert!(error.fold(0.0, f64::max) < 1e-11);
        let largest = left
            .iter()
            .fold(0f64, |m, &x| if x.abs() > m.abs() { x } else { m });
        assert!(largest > 0.0, "the sign's rule");
    }
}

#[test]
fn rectangular_matrices_are_decomposed() {
    for (rows, cols) in [
        (1, 1),
        (1, 7),
        (7, 1),
        (30, 12),
        (12, 30),
        (25, 25),
        (100, 33),
    ] {
        let count = rows.min(cols);
        let values: Vec<f64> = (0..count).map(|i| 1.5f64.powi(-(i as i32))).collect();
        let matrix = with_values(rows, cols, &values);
        check_triplets(&singular(&matrix, rows, cols), &matrix, rows, cols, &values);
    }
    let empty = singular(&[], 0, 5);
    assert!(empty.values.is_empty());
}

/// Spectra that end a search early, late or in the wrong place: steep, flat, equal, with few values
/// that are not zero.
#[test]
fn the_largest_few_are_those_of_the_whole() {
    let (rows, cols, count) = (300, 400, 5);
    let steep: Vec<f64> = (0..rows).map(|i| 0.5f64.powi(i as i32)).collect();
    let flat: Vec<f64> = (0..rows).map(|i| 1.0 - 0.001 * i as f64).collect();
    let equal: Vec<f64> = (0..rows).map(|i| if i < 40 { 1.0 } else { 0.9 }).collect();
    let copies: Vec<f64> = (0..rows).map(|i| if i < 4 { 1.0 } else { 0.5 }).collect();
    let few: Vec<f64> = (0..rows).map(|i| if i < 3 { 2.0 } else { 0.0 }).collect();
    for values in [steep, flat, equal, copies, few, vec![0.0; rows]] {
        for (rows, cols) in [(rows, cols), (cols, rows)] {
            let matrix = with_values(rows, cols, &values);
            let found = leading(&matrix, rows, cols, count);
            assert_eq!(found.values.len(), count);
            check_triplets(&found, &matrix, rows, cols, &values);
        }
    }
    let matrix = drawn(9, 300 * 300);
    let all = singular(&matrix, 300, 300);
    let found = leading(&matrix, 300, 300, count);
    check_triplets(&found, &matrix, 300, 300, &all.values);
    for (x, y) in found.left.iter().zip(&all.left) {
        assert!((x - y).abs() < 1e-9);
    }
    assert_eq!(leading(&[1.0, 2.0], 1, 2, 9).values.len(), 1);
    assert!(leading(&[1.0, 2.0], 1, 2, 0).values.is_empty());
}

#[test]
fn triplets_do_not_depend_on_threads() {
    let matrix = drawn(10, 300 * 310);
    let expected = (singular(&matrix, 300, 310), leading(&matrix, 300, 310, 4));
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| (singular(&matrix, 300, 310), leading(&matrix, 300, 310, 4)));
        assert!(found == expected, "{threads}");
    }
}
