//! Moments, extremes and a sample of values that arrive in pieces.

/// Moments and extremes of a tensor's values.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Elements.
    pub count: u64,
    /// Elements that are zero.
    pub zeros: u64,
    /// Elements that are NaN or infinite; the other figures leave them out.
    pub non_finite: u64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// The excess kurtosis: 0 for a normal, -1.2 for a uniform.
    pub kurtosis: f64,
}

/// Collects a [`Summary`] and an evenly spaced sample.
///
/// Central moments are merged piece by piece (Pébay, *Formulas for Robust, One-Pass Parallel
/// Computation of Covariances and Arbitrary-Order Statistical Moments*, 2008).
#[derive(Clone, Debug)]
pub struct Collector {
    seen: u64,
    finite: f64,
    zeros: u64,
    non_finite: u64,
    mean: f64,
    moments: [f64; 3],
    min: f64,
    max: f64,
    stride: u64,
    pub(super) sample: Vec<f64>,
}

/// The largest sample: enough to tell distributions apart, few enough that bfloat16's steps do not
/// show.
const SAMPLE: u64 = 16_384;

impl Collector {
    /// A collector for a tensor of `elements` values.
    pub fn new(elements: u64) -> Self {
        Self {
            seen: 0,
            finite: 0.0,
            zeros: 0,
            non_finite: 0,
            mean: 0.0,
            moments: [0.0; 3],
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            stride: elements.div_ceil(SAMPLE).max(1),
            sample: Vec::new(),
        }
    }

    /// Takes the next values.
    pub fn push(&mut self, values: &[f64]) {
        let skip = (self.stride - self.seen % self.stride) % self.stride;
        self.sample.extend(
            values
                .iter()
                .skip(skip as usize)
                .step_by(self.stride as usize),
        );
        self.seen += values.len() as u64;
        for piece in values.chunks(4096) {
            self.merge(piece);
        }
    }

    fn merge(&mut self, piece: &[f64]) {
        let finite: Vec<f64>;
        let mut values = piece;
        if piece.iter().any(|v| !v.is_finite()) {
            finite = piece.iter().copied().filter(|v| v.is_finite()).collect();
            self.non_finite += (piece.len() - finite.len()) as u64;
            values = &finite;
        }
        if values.is_empty() {
            return;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let mut sums = [0.0; 3];
        for v in values {
            let d = v - mean;
            let d2 = d * d;
            sums[0] += d2;
            sums[1] += d2 * d;
            sums[2] += d2 * d2;
            self.zeros += u64::from(*v == 0.0);
            self.min = self.min.min(*v);
            self.max = self.max.max(*v);
        }
        let (na, nb) = (self.finite, n);
        let total = na + nb;
        let delta = mean - self.mean;
        let [a2, a3, a4] = self.moments;
        let [b2, b3, b4] = sums;
        let d2 = delta * delta;
        self.moments = [
            a2 + b2 + d2 * na * nb / total,
            a3 + b3
                + d2 * delta * na * nb * (na - nb) / (total * total)
                + 3.0 * delta * (na * b2 - nb * a2) / total,
            a4 + b4
                + d2 * d2 * na * nb * (na * na - na * nb + nb * nb) / (total * total * total)
                + 6.0 * d2 * (na * na * b2 + nb * nb * a2) / (total * total)
                + 4.0 * delta * (na * b3 - nb * a3) / total,
        ];
        self.mean += delta * nb / total;
        self.finite = total;
    }

    /// The figures of all values taken.
    pub fn summary(&self) -> Summary {
        let [m2, _, m4] = self.moments;
        let n = self.finite;
        let none = n == 0.0;
        Summary {
            count: self.seen,
            zeros: self.zeros,
            non_finite: self.non_finite,
            mean: self.mean,
            std: if none { 0.0 } else { (m2 / n).sqrt() },
            min: if none { 0.0 } else { self.min },
            max: if none { 0.0 } else { self.max },
            kurtosis: if m2 > 0.0 {
                n * m4 / (m2 * m2) - 3.0
            } else {
                0.0
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(values: &[f64]) -> Collector {
        let mut collector = Collector::new(values.len() as u64);
        for piece in values.chunks(10_007) {
            collector.push(piece);
        }
        collector
    }

    #[test]
    fn moments_equal_the_two_pass_formulas() {
        let data: Vec<f64> = (0..50_000)
            .map(|i| f64::from(i % 1000).sin() * 3.0 + 100.0)
            .collect();
        let summary = collect(&data).summary();
        let n = data.len() as f64;
        let mean = data.iter().sum::<f64>() / n;
        let central = |k: i32| data.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / n;
        assert!((summary.mean - mean).abs() < 1e-10);
        assert!((summary.std - central(2).sqrt()).abs() < 1e-10);
        assert!((summary.kurtosis - (central(4) / central(2).powi(2) - 3.0)).abs() < 1e-8);
        let odd = collect(&[1.0, f64::NAN, 0.0, f64::INFINITY]).summary();
        assert_eq!(
            (odd.count, odd.non_finite, odd.zeros, odd.max),
            (4, 2, 1, 1.0)
        );
        assert_eq!(collect(&[]).summary(), Summary::default());
    }
}
