//! How often comparisons find a difference where there is none, and how often they find one that is
//! there: simulated, against what docs/compare.md states.
//!
//! `cargo run --release -p semilla-lab --example false_differences` takes about a minute, and fails if
//! a rate is off by more than chance.

use semilla::stream::Stream;
use semilla::{DType, Distribution, Sampler};
use semilla_lab::statistics::{Rules, judge, power, sign_flip};

const COMPARISONS: usize = 1000;
const LEVEL: f64 = 0.05;

fn main() -> std::process::ExitCode {
    let mut is_right = true;
    println!("starts that are the same: comparisons with a false difference, of {COMPARISONS}");
    for (name, score) in SCORES {
        for (arms, seeds) in [(2, 6), (2, 12), (4, 12)] {
            let part = false_differences(name, score, arms, seeds);
            // At most the level, give or take 3 standard errors.
            let limit = LEVEL + 3.0 * error(LEVEL);
            is_right &= part <= limit;
            println!(
                "  {name:28} {arms} starts, {seeds:2} seeds: {:.1} %",
                100.0 * part
            );
        }
    }
    println!("starts that differ: found, and predicted by the power of Student's test");
    for (seeds, effect) in [(8, 1.2), (10, 1.0), (12, 0.9), (20, 0.65), (34, 0.5)] {
        let (found, predicted) = (found(seeds, effect), power(seeds, effect, LEVEL));
        // Sign flips of few seeds cannot use up the level: 2 points for that.
        is_right &= (found - predicted).abs() <= 3.0 * error(predicted) + 0.02;
        println!(
            "  {effect} standard deviations, {seeds:2} seeds: {:.1} %, predicted {:.1} %",
            100.0 * found,
            100.0 * predicted
        );
    }
    match is_right {
        true => std::process::ExitCode::SUCCESS,
        false => std::process::ExitCode::FAILURE,
    }
}

/// The standard error of a rate over all comparisons.
fn error(rate: f64) -> f64 {
    (rate * (1.0 - rate) / COMPARISONS as f64).sqrt()
}

/// The score of an arm from a normal number of its own and one that all arms share with a seed.
type Score = fn(f64, f64) -> f64;

const SCORES: [(&str, Score); 3] = [
    ("normal, correlated by seed", |own, shared| {
        0.9 + 0.02 * own + 0.01 * shared
    }),
    ("skewed, in steps of 1/135", |own, _| {
        ((0.99 - 0.02 * own.exp()) * 135.0).round() / 135.0
    }),
    ("one in six diverges", |own, shared| match own < -0.97 {
        true => f64::NEG_INFINITY,
        false => 0.9 + 0.01 * (own + shared),
    }),
];

fn false_differences(name: &str, score: Score, arms: usize, seeds: usize) -> f64 {
    let rules = Rules {
        level: LEVEL,
        power: 0.8,
        difference: 0.01,
        seed: 0,
    };
    let found = (0..COMPARISONS).filter(|comparison| {
        let normal = Normal::new(&format!("{name}, {arms}, {seeds}, {comparison}"));
        let arm = |arm: usize| {
            let score = |seed| score(normal.at((arm + 1) * seeds + seed), normal.at(seed));
            (0..seeds).map(score).collect()
        };
        let scores: Vec<Vec<f64>> = (0..arms).map(arm).collect();
        judge(&scores, &rules)
            .pairs
            .iter()
            .any(|pair| pair.is_different)
    });
    found.count() as f64 / COMPARISONS as f64
}

fn found(seeds: usize, effect: f64) -> f64 {
    let found = (0..COMPARISONS).filter(|comparison| {
        let normal = Normal::new(&format!("power, {seeds}, {effect}, {comparison}"));
        let differences: Vec<f64> = (0..seeds).map(|seed| effect + normal.at(seed)).collect();
        sign_flip(&differences, 0) <= LEVEL
    });
    found.count() as f64 / COMPARISONS as f64
}

/// Standard normal numbers of a name.
struct Normal {
    stream: Stream,
    sampler: Sampler,
}

impl Normal {
    fn new(name: &str) -> Self {
        let normal = Distribution::Normal {
            mean: 0.0,
            std: 1.0,
        };
        Self {
            stream: Stream::new(0, name),
            sampler: Sampler::new(&normal, DType::F64).expect("a standard normal is sound"),
        }
    }

    fn at(&self, place: usize) -> f64 {
        self.stream.value(&self.sampler, place as u64)
    }
}
