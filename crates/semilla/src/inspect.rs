//! What given weights look like, and which initializer they are consistent with.
//!
//! Nothing here reads files: values arrive in pieces, in any number of pieces, and the result is the same up to rounding.

use crate::distribution::Distribution;
use crate::dtype::DType;
use crate::fill::Fill;
use crate::gaussian;
use crate::init::{
    self, BiasUniform, Context, Initializer, KaimingNormal, KaimingUniform, Mode, Shape,
};
use crate::model::Tensor;

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
/// Central moments are merged piece by piece (Pébay, *Formulas for Robust, One-Pass Parallel Computation of Covariances and
/// Arbitrary-Order Statistical Moments*, 2008).
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
    sample: Vec<f64>,
}

/// The sample's size at most: enough to tell laws apart, few enough that bfloat16's steps do not show.
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

/// An initializer that the values are consistent with.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Match {
    /// Its name, or the names of several that are the same law at this tensor.
    pub name: String,
    /// The probability of values that lie farther from it, were it the one: four tests (mean, variance, kurtosis,
    /// shape), the smallest probability times four. `None` where the match is exact, as for a constant.
    pub p: Option<f64>,
}

/// Below this a law is not a match. With some twenty candidates a tensor, one in a few hundred trained tensors
/// may still look fresh by chance.
const THRESHOLD: f64 = 1e-3;

/// The initializer that fits best, if any fits.
///
/// Every candidate's parameters are fixed by its formula at the tensor's shape; none is fitted to the values.
pub fn identify(collector: &Collector, tensor: &Tensor) -> Option<Match> {
    let summary = collector.summary();
    if summary.count == 0 || summary.non_finite > 0 {
        return None;
    }
    if summary.min == summary.max {
        return Some(Match {
            name: format!("constant {}", summary.min),
            p: None,
        });
    }
    let mut best: Option<(f64, Match)> = None;
    for (name, distribution) in candidates(tensor) {
        let p = probability(&distribution, &summary, &collector.sample, tensor.dtype);
        if p >= THRESHOLD && best.as_ref().is_none_or(|(other, _)| p > *other) {
            best = Some((p, Match { name, p: Some(p) }));
        }
    }
    best.map(|(_, found)| found)
}

/// The laws to try: named schemes at this tensor's fans, and the constants that models use. Equal laws share an entry.
fn candidates(tensor: &Tensor) -> Vec<(String, Distribution)> {
    let mut found: Vec<(String, Distribution)> = Vec::new();
    let mut add = |name: &str, distribution: Distribution| match found
        .iter_mut()
        .find(|(_, known)| *known == distribution)
    {
        Some((names, _)) => *names = format!("{names} = {name}"),
        None => found.push((name.to_owned(), distribution)),
    };
    let torch = KaimingUniform {
        a: "sqrt(5)".parse().expect("a built-in expression"),
        ..Default::default()
    };
    let he = |mode, distribution| {
        Initializer::from(KaimingNormal {
            mode,
            distribution,
            ..Default::default()
        })
    };
    let named = [
        ("PyTorch default", torch.into()),
        ("PyTorch default", BiasUniform {}.into()),
        ("xavier_uniform", init::xavier_uniform()),
        ("xavier_normal", init::xavier_normal()),
        (
            "glorot_normal (truncated)",
            "glorot_normal".parse().unwrap_or_else(|_| init::zeros()),
        ),
        ("kaiming_uniform fan_in", init::kaiming_uniform()),
        (
            "kaiming_uniform fan_out",
            KaimingUniform {
                mode: Mode::FanOut,
                ..Default::default()
            }
            .into(),
        ),
        ("kaiming_normal fan_in", he(Mode::FanIn, Shape::Normal)),
        ("kaiming_normal fan_out", he(Mode::FanOut, Shape::Normal)),
        (
            "he_normal (truncated) fan_in",
            he(Mode::FanIn, Shape::TruncatedNormal),
        ),
        (
            "he_normal (truncated) fan_out",
            he(Mode::FanOut, Shape::TruncatedNormal),
        ),
        ("lecun_uniform", init::lecun_uniform()),
        ("lecun_normal (truncated)", init::lecun_normal()),
        (
            "lecun_normal",
            init::LecunNormal {
                distribution: Shape::Normal,
            }
            .into(),
        ),
    ];
    // Blocks are resolved one by one; together they are one law only if all agree.
    for (name, initializer) in named {
        let resolved = initializer.resolve(tensor, &Context::default());
        if let Ok(Fill::Draw(distribution)) = resolved.map(|resolved| resolved.fill) {
            add(name, distribution);
        }
    }
    // Few vectors are drawn at all, and short ones match easily.
    let stds: &[f64] = if tensor.shape.len() < 2 {
        &[1.0, 0.02]
    } else {
        &[1.0, 0.02, 0.01, 0.001]
    };
    for &std in stds {
        add(
            &format!("normal(0, {std})"),
            Distribution::Normal { mean: 0.0, std },
        );
        for cut in [2.0, 3.0] {
            let (low, high) = (-cut * std, cut * std);
            let law = Distribution::TruncatedNormal {
                mean: 0.0,
                std,
                low,
                high,
            };
            add(&format!("trunc_normal(0, {std}, ±{cut}σ)"), law);
        }
    }
    for bound in [0.05, 1.0] {
        add(
            &format!("uniform(±{bound})"),
            Distribution::Uniform {
                low: -bound,
                high: bound,
            },
        );
    }
    found
}

/// The smallest of four tests' probabilities, times four.
fn probability(law: &Distribution, summary: &Summary, sample: &[f64], dtype: DType) -> f64 {
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
    // The sampling variance of a kurtosis, from the moments (24/n for a normal).
    let spread = (eighth - 4.0 * fourth * sixth - fourth * fourth + 4.0 * fourth.powi(3)) / n;
    let off = summary.kurtosis + 3.0 - fourth;
    let granted = off.signum() * (off.abs() - 4.0 * rounding.max(1e-4)).max(0.0);
    let by_tails = kurtosis_probability(granted / spread.sqrt(), n);
    let least = by_mean.min(by_variance).min(by_tails);
    // The shape's test sorts the sample, which most laws need not come to.
    if 4.0 * least < THRESHOLD {
        return 4.0 * least;
    }
    (4.0 * least.min(kolmogorov_smirnov(law, sample, step))).min(1.0)
}

/// The probability of a kurtosis that is `z` standard deviations off, or farther.
///
/// Large kurtoses are common in small samples: on that side Anscombe & Glynn's transformation for a normal's (Biometrika 70,
/// 1983), which is the most skewed of the laws here.
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
            // A normal cut at ±c, the only candidates: by parts, E zᵏ = (k - 1) E zᵏ⁻² - 2 cᵏ⁻¹ φ(c) / mass.
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

/// P(D > d) by Kolmogorov's limit with Stephens' correction for finite samples (Stephens 1970, table 1), values taken to have
/// been rounded by up to `step`.
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

/// Whether a row-major matrix has orthogonal rows (or columns, if it is tall) of one norm; that norm.
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
    use half::bf16;

    use super::*;
    use crate::dtype::Element;
    use crate::model::{BiasFanIn, Role};

    fn collect(values: &[f64]) -> Collector {
        let mut collector = Collector::new(values.len() as u64);
        for piece in values.chunks(10_007) {
            collector.push(piece);
        }
        collector
    }

    fn values<E: Element>(initializer: &Initializer, tensor: &Tensor, seed: u64) -> Vec<f64> {
        let mut tensor = tensor.clone();
        tensor.dtype = E::DTYPE;
        let values: Vec<E> = initializer.generate(&tensor, seed).unwrap();
        values.into_iter().map(E::to_f64).collect()
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

    /// Each scheme is recognised as itself, in full and in low precision.
    #[test]
    fn fresh_weights_are_recognised() {
        let tensor = Tensor::linear("w", 300, 500);
        let named = |text: &str| text.parse::<Initializer>().unwrap();
        let schemes = [
            ("xavier_uniform", named("xavier_uniform")),
            ("xavier_normal", named("xavier_normal")),
            ("glorot_normal", named("glorot_normal")),
            ("kaiming_normal fan_in", named("kaiming_normal")),
            ("he_normal (truncated) fan_in", named("he_normal")),
            ("lecun_normal (truncated)", named("lecun_normal")),
            ("normal(0, 1)", named("normal")),
            (
                "normal(0, 0.02)",
                init::Normal {
                    std: 0.02.into(),
                    ..Default::default()
                }
                .into(),
            ),
            (
                "trunc_normal(0, 0.02, ±2σ)",
                init::TruncNormal {
                    std: 0.02.into(),
                    ..Default::default()
                }
                .into(),
            ),
            (
                "PyTorch default",
                KaimingUniform {
                    a: 5f64.sqrt().into(),
                    ..Default::default()
                }
                .into(),
            ),
        ];
        let mut missed = Vec::new();
        for (name, initializer) in &schemes {
            for seed in 0..10 {
                let found = |values: Vec<f64>, dtype| {
                    let mut tensor = tensor.clone();
                    tensor.dtype = dtype;
                    identify(&collect(&values), &tensor)
                };
                let full = found(values::<f32>(initializer, &tensor, seed), DType::F32);
                let half = found(values::<bf16>(initializer, &tensor, seed), DType::BF16);
                for found in [full, half] {
                    if !found
                        .as_ref()
                        .is_some_and(|found| found.name.contains(name))
                    {
                        missed.push((*name, seed, found));
                    }
                }
            }
        }
        assert!(missed.is_empty(), "{} of 200: {missed:?}", missed.len());
    }

    #[test]
    fn trained_weights_are_not() {
        let tensor = Tensor::linear("w", 300, 500);
        for seed in 0..10 {
            let fresh = values::<f32>(&init::kaiming_normal(), &tensor, seed);
            // A few large weights, as training makes them; and a slow drift of the scale.
            let heavy: Vec<f64> = fresh.iter().map(|v| v * (1.0 + (v * 10.0).abs())).collect();
            assert_eq!(identify(&collect(&heavy), &tensor), None);
            let grown: Vec<f64> = fresh.iter().map(|v| v * 1.03).collect();
            assert_eq!(identify(&collect(&grown), &tensor), None);
        }
    }

    #[test]
    fn constants_biases_and_orthogonal_matrices() {
        let bias = Tensor {
            bias_fan_in: Some(BiasFanIn::of(64.0)),
            role: Role::Bias,
            ..Tensor::new("b", [5000], DType::F32)
        };
        let ones = identify(&collect(&[1.0; 40]), &bias).unwrap();
        assert_eq!((ones.name.as_str(), ones.p), ("constant 1", None));
        let torch = values::<f32>(&init::bias_uniform(), &bias, 0);
        assert!(
            identify(&collect(&torch), &bias)
                .unwrap()
                .name
                .contains("PyTorch default")
        );
        for (rows, columns) in [(40, 60), (60, 40)] {
            let tensor = Tensor::linear("w", columns, rows);
            let q = values::<f32>(&init::Orthogonal { gain: 1.5.into() }.into(), &tensor, 0);
            let gain = orthogonal_gain(&q, rows, columns, DType::F32).unwrap();
            assert!((gain - 1.5).abs() < 1e-4);
            let normal = values::<f32>(&init::xavier_normal(), &tensor, 0);
            assert_eq!(orthogonal_gain(&normal, rows, columns, DType::F32), None);
        }
    }
}
