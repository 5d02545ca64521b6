//! Orthogonal matrices.

use crate::dtype::DType;

/// The norm of a row-major matrix's rows (or columns, if it is tall) where they are orthogonal and
/// of one norm.
///
/// Tests the first 32 vectors against each other.
pub fn orthogonal_gain(values: &[f64], rows: usize, columns: usize, dtype: DType) -> Option<f64> {
    if rows < 2 || columns < 2 || values.len() != rows * columns {
        return None;
    }
    let tolerance = match dtype {
        DType::F64 | DType::F32 => 1e-4,
        DType::F16 => 5e-3,
        DType::BF16 => 3e-2,
        _ => return None,
    };
    let (vectors, length) = (rows.min(columns), rows.max(columns));
    let at = |vector: usize, i: usize| {
        if rows <= columns {
            values[vector * columns + i]
        } else {
            values[i * columns + vector]
        }
    };
    let dot = |a: usize, b: usize| (0..length).map(|i| at(a, i) * at(b, i)).sum::<f64>();
    let square = dot(0, 0);
    let tested = vectors.min(32);
    let holds = (0..tested).all(|a| {
        (a..tested).all(|b| {
            let expected = if a == b { square } else { 0.0 };
            (dot(a, b) - expected).abs() <= tolerance * square
        })
    });
    (holds && square > 0.0).then(|| square.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init;
    use crate::model::Tensor;

    #[test]
    fn orthogonal_matrices_are_recognised_and_others_not() {
        for (rows, columns) in [(40, 60), (60, 40)] {
            let tensor = Tensor::linear("w", columns, rows);
            let q = values(init::orthogonal().gain(1.5).generate(&tensor, 0).unwrap());
            let gain = orthogonal_gain(&q, rows, columns, DType::F32).unwrap();
            assert!((gain - 1.5).abs() < 1e-4);
            let normal = values(init::xavier_normal().generate(&tensor, 0).unwrap());
            assert_eq!(orthogonal_gain(&normal, rows, columns, DType::F32), None);
        }
    }

    fn values(values: Vec<f32>) -> Vec<f64> {
        values.into_iter().map(f64::from).collect()
    }
}
