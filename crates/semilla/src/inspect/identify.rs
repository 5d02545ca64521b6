//! Initializers that given values are consistent with.

use super::collector::Collector;
use super::probability::probability;
use crate::distribution::Distribution;
use crate::expression::Scalar;
use crate::fill::Fill;
use crate::init::{self, Context, Initializer, Mode, Shape};
use crate::model::Tensor;

/// An initializer that the values are consistent with.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Match {
    /// Its name, or the names of several that are the same distribution at this tensor.
    pub name: String,
    /// The probability that values drawn from it lie at least as far from it: four tests (mean,
    /// variance, kurtosis, shape), the smallest probability times four. `None` where the match is
    /// exact, as for a constant.
    pub p: Option<f64>,
}

/// Below this a distribution is not a match. With some twenty candidates a tensor, one in a few
/// hundred trained tensors may still look fresh by chance.
const THRESHOLD: f64 = 1e-3;

/// The initializer that fits best, if any fits.
///
/// Every candidate's parameters are fixed by its formula at the tensor's shape; none is fitted to
/// the values.
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
        let p = probability(
            &distribution,
            &summary,
            &collector.sample,
            tensor.dtype,
            THRESHOLD,
        );
        if p >= THRESHOLD && best.as_ref().is_none_or(|(other, _)| p > *other) {
            best = Some((p, Match { name, p: Some(p) }));
        }
    }
    best.map(|(_, found)| found)
}

/// The distributions to try: named schemes at this tensor's fans, and the constants that models
/// use. Equal ones share an entry.
fn candidates(tensor: &Tensor) -> Vec<(String, Distribution)> {
    let mut found: Vec<(String, Distribution)> = Vec::new();
    let mut add = |name: &str, distribution: Distribution| match found
        .iter_mut()
        .find(|(_, known)| *known == distribution)
    {
        Some((names, _)) => *names = format!("{names} = {name}"),
        None => found.push((name.to_owned(), distribution)),
    };
    let truncated = Shape::TruncatedNormal;
    let sqrt_5 = Scalar::from(5f64.sqrt());
    let (kaiming_uniform, kaiming_normal) = (init::kaiming_uniform, init::kaiming_normal);
    let he = || kaiming_normal().distribution(truncated);
    let named: [(&str, Initializer); 14] = [
        ("PyTorch default", kaiming_uniform().a(sqrt_5).into()),
        ("PyTorch default", init::bias_uniform().into()),
        ("xavier_uniform", init::xavier_uniform().into()),
        ("xavier_normal", init::xavier_normal().into()),
        (
            "glorot_normal (truncated)",
            init::xavier_normal().distribution(truncated).into(),
        ),
        ("kaiming_uniform fan_in", kaiming_uniform().into()),
        (
            "kaiming_uniform fan_out",
            kaiming_uniform().mode(Mode::FanOut).into(),
        ),
        ("kaiming_normal fan_in", kaiming_normal().into()),
        (
            "kaiming_normal fan_out",
            kaiming_normal().mode(Mode::FanOut).into(),
        ),
        ("he_normal (truncated) fan_in", he().into()),
        (
            "he_normal (truncated) fan_out",
            he().mode(Mode::FanOut).into(),
        ),
        ("lecun_uniform", init::lecun_uniform().into()),
        ("lecun_normal (truncated)", init::lecun_normal().into()),
        (
            "lecun_normal",
            init::lecun_normal().distribution(Shape::Normal).into(),
        ),
    ];
    // Blocks are resolved one by one; together they are one distribution only if all agree.
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

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::dtype::{DType, Element};
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
            ("normal(0, 0.02)", init::normal().std(0.02).into()),
            (
                "trunc_normal(0, 0.02, ±2σ)",
                init::trunc_normal().std(0.02).into(),
            ),
            (
                "PyTorch default",
                init::kaiming_uniform().a(5f64.sqrt()).into(),
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
            let fresh = values::<f32>(&init::kaiming_normal().into(), &tensor, seed);
            // A few large weights, as training makes them; and a slow drift of the scale.
            let heavy: Vec<f64> = fresh.iter().map(|v| v * (1.0 + (v * 10.0).abs())).collect();
            assert_eq!(identify(&collect(&heavy), &tensor), None);
            let grown: Vec<f64> = fresh.iter().map(|v| v * 1.03).collect();
            assert_eq!(identify(&collect(&grown), &tensor), None);
        }
    }

    /// A short vector of values next to zero, or next to one, is not a draw of a wide distribution.
    #[test]
    fn few_values_close_together_are_no_draw() {
        let tensor = |n: usize| Tensor::new("t", [n], DType::F32);
        let tiny: Vec<f64> = (0..16).map(|i| 2e-18 * f64::from((i * 7) % 16)).collect();
        assert_eq!(identify(&collect(&tiny), &tensor(16)), None);
        let alike = [0.964, 0.976, 0.982, 1.009];
        assert_eq!(identify(&collect(&alike), &tensor(4)), None);
    }

    /// Fresh short vectors are still recognised: at p = 0.001, one in a few hundred is not.
    #[test]
    fn fresh_short_vectors_are_recognised() {
        for n in [4, 8, 16, 64] {
            let tensor = Tensor::new("t", [n], DType::F32);
            let fresh = |seed| {
                let values = values::<f32>(&init::normal().into(), &tensor, seed);
                identify(&collect(&values), &tensor).is_some()
            };
            let missed = (0..200).filter(|seed| !fresh(*seed)).count();
            assert!(missed <= 4, "{missed} of 200 of {n}");
        }
    }

    #[test]
    fn constants_and_biases() {
        let bias = Tensor {
            bias_fan_in: Some(BiasFanIn::of(64.0)),
            role: Role::Bias,
            ..Tensor::new("b", [5000], DType::F32)
        };
        let ones = identify(&collect(&[1.0; 40]), &bias).unwrap();
        assert_eq!((ones.name.as_str(), ones.p), ("constant 1", None));
        let torch = values::<f32>(&init::bias_uniform().into(), &bias, 0);
        assert!(
            identify(&collect(&torch), &bias)
                .unwrap()
                .name
                .contains("PyTorch default")
        );
    }
}
