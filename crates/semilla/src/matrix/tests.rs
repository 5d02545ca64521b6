use super::*;

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
        let single = deviation(&single(stream, rows, cols), rows, cols);
        assert!(single < 3e-6, "{rows}x{cols}: {single:e}");
        let double = deviation(&double(stream, rows, cols), rows, cols);
        assert!(double < 1e-14, "{rows}x{cols}: {double:e}");
    }
}

#[test]
fn large_matrices_are_orthogonal() {
    let matrix = single(Stream::new(1, "large"), 2048, 2048);
    let deviation = deviation(&matrix, 2048, 2048);
    println!("{deviation:e}");
    assert!(deviation < 1e-5, "{deviation:e}");
}
