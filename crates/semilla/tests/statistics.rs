//! The stream's values follow their distributions, and tensors are independent.
//!
//! Every test has a fixed seed and a stated threshold: a two-sided probability of 1e-6 of failing, were the
//! seed drawn at random and the property true.

use half::bf16;
use semilla::stream::Stream;
use semilla::{DType, Distribution, Element, Sampler};

const N: usize = 1 << 20;
/// The normal quantile of a two-sided 1e-6.
const Z: f64 = 4.892;

fn draw<E: Element>(seed: u64, name: &str, distribution: &Distribution) -> Vec<f64> {
    let sampler = Sampler::new(distribution, E::DTYPE).unwrap();
    let mut out = vec![E::default(); N];
    Stream::new(seed, name).par_fill(&sampler, 0, &mut out);
    out.into_iter().map(E::to_f64).collect()
}

fn distributions() -> Vec<Distribution> {
    let cut = |std: f64, low: f64, high: f64| Distribution::TruncatedNormal {
        mean: 0.0,
        std,
        low,
        high,
    };
    vec![
        Distribution::Uniform {
            low: -1.0,
            high: 2.0,
        },
        Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        },
        Distribution::Normal {
            mean: 3.0,
            std: 0.02,
        },
        cut(1.0, -2.0, 2.0),
        cut(0.02, -0.06, 0.06),
        cut(1.0, 1.0, 6.0),
        cut(1.0, -8.0, -4.0),
    ]
}

/// √n · D, the Kolmogorov-Smirnov statistic.
fn ks(mut values: Vec<f64>, distribution: &Distribution) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = values.iter().enumerate().map(|(i, &v)| {
        let p = distribution.cdf(v);
        (p - i as f64 / n).max((i + 1) as f64 / n - p)
    });
    distance.fold(0.0, f64::max) * n.sqrt()
}

/// P(√n D > t) = 2 Σ (-1)^(k-1) exp(-2k²t²) is 1e-6 here (Kolmogorov 1933).
const KS: f64 = 2.694;

#[test]
fn kolmogorov_smirnov() {
    for (i, distribution) in distributions().iter().enumerate() {
        let statistic = ks(draw::<f32>(i as u64, "ks", distribution), distribution);
        assert!(statistic < KS, "f32 {distribution:?}: {statistic}");
        let statistic = ks(draw::<f64>(i as u64, "ks", distribution), distribution);
        assert!(statistic < KS, "f64 {distribution:?}: {statistic}");
    }
}

/// The mean of powers 1 to 4 of the standardized values against their exact expectation and standard error.
#[test]
fn moments_up_to_the_fourth() {
    // Raw moments of the standardized law, to order 8, by integration over its quantiles.
    for (i, distribution) in distributions().iter().enumerate() {
        let (mean, std) = (distribution.mean(), distribution.std());
        let exact = |power: i32| {
            // The midpoint rule on a fine grid of the density's support, weighted by the CDF's steps.
            let (low, high) = (mean - 9.0 * std, mean + 9.0 * std);
            let steps = 200_000;
            let width = (high - low) / steps as f64;
            (0..steps)
                .map(|k| {
                    let a = low + k as f64 * width;
                    let mass = distribution.cdf(a + width) - distribution.cdf(a);
                    mass * ((a + width / 2.0 - mean) / std).powi(power)
                })
                .sum::<f64>()
        };
        for values in [
            draw::<f32>(7, "moments", distribution),
            draw::<f64>(7, "m", distribution),
        ] {
            for power in 1..=4 {
                let expected = exact(power);
                let error = ((exact(2 * power) - expected * expected) / N as f64).sqrt();
                let found = values
                    .iter()
                    .map(|v| ((v - mean) / std).powi(power))
                    .sum::<f64>()
                    / N as f64;
                let z = (found - expected) / error;
                assert!(z.abs() < Z, "{distribution:?} #{i} power {power}: {z}");
            }
        }
    }
}

/// The normal approximation of a chi-square statistic (Wilson & Hilferty 1931).
fn chi_square_z(counts: &[u64], expected: f64) -> f64 {
    let statistic: f64 = counts
        .iter()
        .map(|&n| (n as f64 - expected) * (n as f64 - expected) / expected)
        .sum();
    let k = (counts.len() - 1) as f64;
    ((statistic / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt()
}

#[test]
fn chi_square_on_bits_bytes_and_pairs() {
    let stream = Stream::new(0, "bits");
    let words: Vec<u32> = (0..N as u64).map(|i| stream.word(i)).collect();
    for bit in 0..32 {
        let ones = words.iter().filter(|&&word| word >> bit & 1 == 1).count() as f64;
        let z = (ones - N as f64 / 2.0) / (N as f64 / 4.0).sqrt();
        assert!(z.abs() < Z, "bit {bit}: {z}");
    }
    for byte in 0..4 {
        let mut counts = [0u64; 256];
        let mut pairs = vec![0u64; 65536];
        for pair in words.windows(2) {
            let at = |word: u32| (word >> (8 * byte) & 0xff) as usize;
            counts[at(pair[0])] += 1;
            pairs[at(pair[0]) << 8 | at(pair[1])] += 1;
        }
        let z = chi_square_z(&counts, (N - 1) as f64 / 256.0);
        assert!(z.abs() < Z, "byte {byte}: {z}");
        let z = chi_square_z(&pairs, (N - 1) as f64 / 65536.0);
        assert!(z.abs() < Z, "pairs of byte {byte}: {z}");
    }
}

fn correlation_z(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let cov: f64 = a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum();
    let va: f64 = a.iter().map(|a| (a - ma) * (a - ma)).sum();
    let vb: f64 = b.iter().map(|b| (b - mb) * (b - mb)).sum();
    cov / (va * vb).sqrt() * n.sqrt()
}

fn squares(values: &[f64]) -> Vec<f64> {
    values.iter().map(|v| v * v).collect()
}

/// Lags within a word's run, between the words of a counter (16, 32, 48), between blocks and units.
#[test]
fn autocorrelation() {
    let normal = Distribution::Normal {
        mean: 0.0,
        std: 1.0,
    };
    for values in [
        draw::<f32>(0, "lags", &normal),
        draw::<f64>(0, "lags", &normal),
    ] {
        let squares = squares(&values);
        for lag in [1, 2, 3, 7, 15, 16, 17, 32, 48, 63, 64, 65, 128, 1024, 65536] {
            let z = correlation_z(&values[lag..], &values[..N - lag]);
            assert!(z.abs() < Z, "lag {lag}: {z}");
            let z = correlation_z(&squares[lag..], &squares[..N - lag]);
            assert!(z.abs() < Z, "squares at lag {lag}: {z}");
        }
    }
}

/// The two normals of one Box-Muller pair have a common radius: their squares are where dependence would show.
#[test]
fn names_and_seeds_are_independent() {
    let normal = Distribution::Normal {
        mean: 0.0,
        std: 1.0,
    };
    let streams: Vec<Vec<f64>> = [
        (0, "layers.0.weight"),
        (0, "layers.1.weight"),
        (0, "layers.0.weighs"),
        (0, "layers.0.weight "),
        (1, "layers.0.weight"),
        (2, "layers.0.weight"),
        (u64::MAX, "layers.0.weight"),
    ]
    .iter()
    .map(|&(seed, name)| draw::<f32>(seed, name, &normal))
    .collect();
    for i in 0..streams.len() {
        for j in i + 1..streams.len() {
            let z = correlation_z(&streams[i], &streams[j]);
            assert!(z.abs() < Z, "{i} and {j}: {z}");
            let z = correlation_z(&squares(&streams[i]), &squares(&streams[j]));
            assert!(z.abs() < Z, "squares of {i} and {j}: {z}");
            let equal = streams[i]
                .iter()
                .zip(&streams[j])
                .filter(|(a, b)| a == b)
                .count();
            assert!(equal < 20, "{i} and {j} share {equal} values");
        }
    }
}

#[test]
fn tails_reach_beyond_six_sigma() {
    // 2³⁰ normals in pieces: 2 are expected beyond 6 sigma; the stream at seed 0 has some, and none beyond its reach.
    let sampler = Sampler::new(
        &Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        },
        DType::BF16,
    )
    .unwrap();
    let mut out = vec![bf16::ZERO; 1 << 22];
    let (mut beyond_5, mut farthest) = (0u64, 0f32);
    for piece in 0..256u64 {
        Stream::new(0, "tails").par_fill(&sampler, piece << 22, &mut out);
        for value in &out {
            let magnitude = value.to_f32().abs();
            // 5 lies halfway between two bfloat16 values' rounding intervals: 5.015625 is the first above.
            beyond_5 += u64::from(magnitude > 5.0);
            farthest = farthest.max(magnitude);
        }
    }
    // P(|z| > 5.015625, the edge of what rounds above 5) = 5.28e-7.
    let expected = 5.284e-7 * 2f64.powi(30);
    let z = (beyond_5 as f64 - expected) / expected.sqrt();
    assert!(
        z.abs() < Z,
        "{beyond_5} beyond 5 sigma, {expected} expected"
    );
    assert!((6.0..6.8).contains(&farthest), "the farthest is {farthest}");
}
