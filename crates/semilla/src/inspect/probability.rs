//! How well values fit a distribution.

use super::collector::Summary;
use crate::distribution::Distribution;
use crate::dtype::DType;
use crate::gaussian;

/// The smallest of four tests' probabilities, times four; where it is below `enough`, only an upper
/// bound of it.
pub(super) fn probability(
    law: &Distribution,
    summary: &Summary,
    sample: &[f64],
    dtype: DType,
    enough: f64,
) -> f64 {
    let (mean, std, n) = (law.mean(), law.std(), summary.count as f64);
    // One rounding step of the type, at the law's scale: what the extremes may exceed bounds by.
    let step = std
        * match dtype {
            DType::F64 | DType::F32 => 1e-6,
            DType::F16 => 2e-3,
            DType::BF16 => 1e-2,
            _ => 0.15,
        };
    let outside = match *law {
        Distribution::Uniform { low, high } | Distribution::TruncatedNormal { low, high, .. } => {
            summary.min < low - step || summary.max > high + step
        }
        Distribution::Normal { .. } => false,
    };
    if outside || std <= 0.0 {
        return 0.0;
    }
    let two_sided = |z: f64| 2.0 * gaussian::cdf(-z.abs());
    let by_mean = two_sided((summary.mean - mean) / (std / n.sqrt()));
    let ratio = summary.std * summary.std / (std * std);
    let [fourth, sixth, eighth] = standard_moments(law);
    let spread = ((fourth - 1.0) / n).sqrt();
    // Rounding to few bits widens a variance by a part in 2^(2m)/3 or so: allowed for.
    let rounding = (step / std) * (step / std);
    let by_variance = two_sided(((ratio - 1.0).abs() - rounding).max(0.0) / spread);
    let by_variance = match ratio < 1.0 && n < FEW {
        true => by_variance.min(2.0 * chance_of_less(ratio + rounding, fourth, n)),
        false => by_variance,
    };
    // The sampling variance of a kurtosis, from the moments (24/n for a normal).
    let spread = (eighth - 4.0 * fourth * sixth - fourth * fourth + 4.0 * fourth.powi(3)) / n;
    let off = summary.kurtosis + 3.0 - fourth;
    let granted = off.signum() * (off.abs() - 4.0 * rounding.max(1e-4)).max(0.0);
    let by_tails = kurtosis_probability(granted / spread.sqrt(), n);
    let least = by_mean.min(by_variance).min(by_tails);
    // The shape's test sorts the sample, which most distributions need not come to.
    if 4.0 * least < enough {
        return 4.0 * least;
    }
    (4.0 * least.min(kolmogorov_smirnov(law, sample, step))).min(1.0)
}

/// Below so many values, variances are far from normal.
const FEW: f64 = 100.0;

/// The probability that a variance of `n` values is at most `ratio` times that of their law: by the
/// χ² distribution with the degrees of freedom that a law of this fourth moment has. The series of
/// the incomplete gamma function (Abramowitz & Stegun 6.5.29) is short where the ratio is below 1.
fn chance_of_less(ratio: f64, fourth: f64, n: f64) -> f64 {
    let half = (n - 1.0).max(1.0) / (fourth - 1.0);
    let x = half * ratio * n / (n - 1.0).max(1.0);
    if x <= 0.0 {
        return 0.0;
    }
    let (mut term, mut sum, mut k) = (1.0, 1.0, 0.0);
    while term > 1e-12 * sum {
        k += 1.0;
        term *= x / (half + k);
        sum += term;
    }
    (half * x.ln() - x - libm::lgamma(half + 1.0)).exp() * sum
}

/// The probability of a kurtosis that is `z` standard deviations off, or farther.
///
/// Large kurtoses are common in small samples: on that side Anscombe & Glynn's transformation for a
/// normal's (Biometrika 70, 1983), the most skewed of the distributions here.
fn kurtosis_probability(z: f64, n: f64) -> f64 {
    if z <= 0.0 || n < 20.0 {
        return (2.0 * gaussian::cdf(z.min(0.0))).min(1.0);
    }
    let skewness = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
        * (6.0 * (n + 3.0) * (n + 5.0) / (n * (n - 2.0) * (n - 3.0))).sqrt();
    let inverse = 2.0 / skewness;
    let a = 6.0 + 4.0 * inverse * (inverse + (1.0 + inverse * inverse).sqrt());
    let ratio = (1.0 - 2.0 / a) / (1.0 + z * (2.0 / (a - 4.0)).sqrt());
    let normal = (1.0 - 2.0 / (9.0 * a) - ratio.cbrt()) / (2.0 / (9.0 * a)).sqrt();
    (2.0 * gaussian::cdf(-normal)).min(1.0)
}

/// The fourth, sixth and eighth standardized moments.
fn standard_moments(law: &Distribution) -> [f64; 3] {
    match *law {
        Distribution::Uniform { .. } => [9.0 / 5.0, 27.0 / 7.0, 9.0],
        Distribution::Normal { .. } => [3.0, 15.0, 105.0],
        Distribution::TruncatedNormal { std, high, .. } => {
            // A normal cut at ±c, the only candidates: by parts,
            // E zᵏ = (k - 1) E zᵏ⁻² - 2 cᵏ⁻¹ φ(c) / mass.
            let c = high / std;
            let edge = 2.0 * gaussian::pdf(c) / (2.0 * gaussian::cdf(c) - 1.0);
            let second = 1.0 - c * edge;
            let fourth = 3.0 * second - c.powi(3) * edge;
            let sixth = 5.0 * fourth - c.powi(5) * edge;
            let eighth = 7.0 * sixth - c.powi(7) * edge;
            [
                fourth / second.powi(2),
                sixth / second.powi(3),
                eighth / second.powi(4),
            ]
        }
    }
}

/// P(D > d) by Kolmogorov's limit with Stephens' correction for finite samples (Stephens 1970,
/// table 1), for values that were rounded by up to `step`.
fn kolmogorov_smirnov(law: &Distribution, sample: &[f64], step: f64) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            let above = law.cdf(v - step) - i as f64 / n - 1.0 / n;
            let below = i as f64 / n - law.cdf(v + step);
            above.max(below) + 1.0 / n
        })
        .fold(0.0, f64::max);
    let root = n.sqrt();
    let t = (root + 0.12 + 0.11 / root) * distance;
    let series = (1..=50).map(|k| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * t * t).exp()
    });
    if t < 0.3 {
        1.0
    } else {
        (2.0 * series.sum::<f64>()).clamp(0.0, 1.0)
    }
}
