//! Slopes with intervals.

use serde::Serialize;

/// The slope of a line through points, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Slope {
    /// The slope.
    pub slope: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

impl Slope {
    /// The line of least squares through points; `None` of fewer than three, or where all x are the
    /// same.
    pub fn through(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let freedom = points.len().checked_sub(2).filter(|&freedom| freedom > 0)?;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x_mean, y_mean) = (mean(|p| p.0), mean(|p| p.1));
        let squares: f64 = points.iter().map(|p| (p.0 - x_mean).powi(2)).sum();
        let products: f64 = points.iter().map(|p| (p.0 - x_mean) * (p.1 - y_mean)).sum();
        let slope = (squares > 0.0).then(|| products / squares)?;
        let rest = |p: &(f64, f64)| (p.1 - y_mean - slope * (p.0 - x_mean)).powi(2);
        let rests: f64 = points.iter().map(rest).sum();
        let error = (rests / freedom as f64 / squares).sqrt();
        let half = student(freedom) * error;
        slope.is_finite().then_some(Self {
            slope,
            low: slope - half,
            high: slope + half,
        })
    }
}

/// The 97.5 % quantile of Student's t, to two decimals.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 10] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];
    match freedom {
        1..=10 => TABLE[freedom - 1],
        // Cornish and Fisher's first terms: right to 0.002 from here on.
        more => {
            let (z, n) = (1.959_964f64, more as f64);
            z + (z.powi(3) + z) / (4.0 * n)
                + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let exact: Vec<(f64, f64)> = (0..5)
            .map(|i| (f64::from(i), 3.0 - 2.0 * f64::from(i)))
            .collect();
        let found = Slope::through(&exact).unwrap();
        assert!((found.slope + 2.0).abs() < 1e-12 && (found.high - found.low) < 1e-9);
        // y = x + (0.1, -0.2, 0.1): the slope is 1, its error √(0.06/1/2).
        let found = Slope::through(&[(0.0, 0.1), (1.0, 0.8), (2.0, 2.1)]).unwrap();
        assert!((found.slope - 1.0).abs() < 1e-12);
        assert!((found.high - 1.0 - 12.71 * 0.03f64.sqrt()).abs() < 1e-9);
        assert_eq!(Slope::through(&exact[..2]), None);
        assert_eq!(Slope::through(&[(1.0, 0.0), (1.0, 1.0), (1.0, 2.0)]), None);
    }

    #[test]
    fn quantiles() {
        for (freedom, expected) in [
            (1, 12.71),
            (10, 2.23),
            (11, 2.201),
            (30, 2.042),
            (1000, 1.962),
        ] {
            assert!(
                (student(freedom) - expected).abs() < 0.005,
                "{freedom}: {}",
                student(freedom)
            );
        }
    }
}
