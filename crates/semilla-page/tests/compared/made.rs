//! Comparisons to show: trained in a moment, judged by hand.

use semilla_lab::statistics::{Difference, Location, Pair, SelfCheck};
use semilla_lab::{
    Arm, Basin, Comparison, Cost, DataSummary, Grid, Measure, Predicted, Problem, Protocol, Pruned,
    Purpose, Record, Run, Searched, Seeds, Trial, Verdict, Watch, Why, train,
};

const NAMES: [(&str, &str); 3] = [
    (
        "too small",
        "name = \"small\"\ndefaults = true\n\n[[rule]]\nrole = \"matrix\"\ninit = { normal = { std = 0.001 } }\n",
    ),
    (
        "Xavier",
        "name = \"xavier\"\ndefaults = true\n\n[[rule]]\nrole = \"matrix\"\ninit = { xavier_normal = {} }\n",
    ),
    (
        "He",
        "name = \"he\"\ndefaults = true\n\n[[rule]]\nrole = \"matrix\"\ninit = { kaiming_normal = {} }\n",
    ),
];

fn trial() -> Trial {
    Trial::from_json(
        r#"{"model": "mlp:64-16-16-16-10:relu", "recipe": "", "data": {"source": "digits"},
            "optimizer": "momentum", "rate": 0.05, "steps": 40, "batch": 32}"#,
    )
    .unwrap()
}

/// Three starts, three rates, two seeds to choose by and three to compare: trained; what is said of
/// them is made up.
pub(crate) fn comparison() -> Comparison {
    made(&trial(), 3)
}

/// The same between which nothing is found.
pub(crate) fn undecided() -> Comparison {
    let mut comparison = comparison();
    comparison.verdict.leaders = vec![2, 1, 0];
    comparison.verdict.beaten.clear();
    for pair in &mut comparison.pairs {
        pair.is_different = false;
    }
    comparison.verdict.sentence = "There is no evidence of a difference".to_owned();
    comparison
}

/// As large as comparisons become: nine starts, ten rates, thirty layers.
pub(crate) fn large() -> Comparison {
    let hidden = ["8"; 30].join("-");
    let mut deep = trial();
    deep.model = format!("mlp:64-{hidden}-10:tanh");
    deep.steps = 2;
    let mut comparison = made(&deep, 1);
    let arms = comparison.arms.clone();
    let runs = comparison.runs.clone();
    comparison.arms = (0..9).map(|place| arms[place % 3].clone()).collect();
    comparison.order = (0..9).collect();
    comparison.rates = (0..10).map(|place| 0.001 * 2f64.powi(place)).collect();
    for arm in &mut comparison.arms {
        arm.search = vec![arm.search[0].clone(); 10];
        arm.best = Some(0);
    }
    let finals = runs
        .iter()
        .find(|run| run.purpose == Purpose::Final)
        .unwrap();
    let mut point = finals.outcome.clone();
    point.curve = (1..=50)
        .map(|step| semilla_lab::Point {
            step,
            loss: 1.234_567_890_1,
        })
        .collect();
    comparison.runs = (0..9)
        .flat_map(|arm| (0..60).map(move |number| (arm, number)))
        .map(|(arm, number)| Run {
            arm,
            rate: if number < 12 { 0 } else { number % 10 },
            purpose: if number < 12 {
                Purpose::Final
            } else {
                Purpose::Tuning
            },
            seed: number % 12,
            outcome: point.clone(),
        })
        .collect();
    comparison
}

fn made(trial: &Trial, seeds: u64) -> Comparison {
    let rates = vec![0.005, 0.05, 0.5];
    let seeds_from = |from: u64, count: u64| -> Vec<Seeds> {
        (from..from + count)
            .map(|seed| Seeds {
                weights: seed,
                order: seed,
                split: 0,
            })
            .collect()
    };
    let (tuning, finals) = (seeds_from(0, 2), seeds_from(100, seeds));
    let mut asked = Vec::new();
    for (arm, (_, recipe)) in NAMES.iter().enumerate() {
        let of = |rate: usize, purpose: Purpose, seed: usize, seeds: Seeds| {
            let looks = purpose == Purpose::Final && seed == 0;
            let trial = Trial {
                recipe: (*recipe).to_owned(),
                rate: rates[rate],
                seeds,
                record: Record {
                    curve: 20,
                    validations: 4,
                    layers: if looks { 4 } else { 0 },
                },
                ..trial.clone()
            };
            (arm, rate, purpose, seed, trial)
        };
        for rate in 0..rates.len() {
            asked.extend(
                tuning
                    .iter()
                    .enumerate()
                    .map(|(n, &s)| of(rate, Purpose::Tuning, n, s)),
            );
        }
        asked.extend(
            finals
                .iter()
                .enumerate()
                .map(|(n, &s)| of(1, Purpose::Final, n, s)),
        );
    }
    let trials: Vec<Trial> = asked.iter().map(|(.., trial)| trial.clone()).collect();
    let problem = Problem::of(&trials[0]).unwrap();
    let outcomes = train(&problem, &trials, Watch::default()).unwrap();
    let runs: Vec<Run> = asked
        .iter()
        .zip(outcomes)
        .map(|((arm, rate, purpose, seed, _), outcome)| Run {
            arm: *arm,
            rate: *rate,
            purpose: *purpose,
            seed: *seed,
            outcome: outcome.unwrap(),
        })
        .collect();
    let arms = NAMES
        .iter()
        .enumerate()
        .map(|(place, (name, recipe))| arm(place, name, recipe, &runs));
    Comparison {
        format: 1,
        semilla: "0.1.0".to_owned(),
        stream: 1,
        protocol: protocol(trial, tuning, finals),
        data: DataSummary {
            name: "digits".to_owned(),
            training: 1257,
            validation: 270,
            test: 270,
            classes: Some(10),
        },
        rates,
        arms: arms.collect(),
        target: None,
        order: vec![2, 1, 0],
        pairs: vec![
            pair(2, 1, 0.01, false),
            pair(2, 0, 0.7, true),
            pair(1, 0, 0.69, true),
        ],
        groups: vec![vec![2, 1], vec![0]],
        verdict: Verdict {
            sentence:
                "He does better than too small; there is no evidence that it differs from Xavier"
                    .to_owned(),
            leaders: vec![2, 1],
            beaten: vec![0],
            caveats: Vec::new(),
        },
        self_check: Some(SelfCheck {
            seeds: 3,
            draws: 500,
            beyond: 0.4,
            false_differences: 0.042,
            spread: Some(0.03),
        }),
        pruned: vec![Pruned {
            arm: 0,
            rate: Some(0),
            why: Why::Behind { steps: 10, p: 0.02 },
        }],
        cost: Cost {
            trials: 27,
            steps: 1080,
            samples: 34_560,
        },
        is_complete: true,
        runs,
    }
}

fn protocol(trial: &Trial, tuning: Vec<Seeds>, finals: Vec<Seeds>) -> Protocol {
    Protocol {
        trial: trial.clone(),
        measure: Measure::Accuracy,
        rates: Grid {
            first: 0.005,
            factor: 10.0,
            count: 3,
            extension: 0,
        },
        tuning,
        finals,
        reference: 2,
        check: Vec::new(),
        level: 0.05,
        power: 0.8,
        difference: 0.02,
        prunes: true,
        budget: None,
    }
}

fn arm(place: usize, name: &str, recipe: &str, runs: &[Run]) -> Arm {
    let own = |purpose: Purpose, rate: usize| -> Vec<Option<f64>> {
        let found = runs
            .iter()
            .filter(|run| run.arm == place && run.rate == rate);
        let found = found.filter(|run| run.purpose == purpose);
        found
            .map(|run| match purpose {
                Purpose::Final => run.outcome.test?.accuracy,
                _ => run.outcome.validation()?.accuracy,
            })
            .collect()
    };
    let finals = own(Purpose::Final, 1);
    let mut known: Vec<f64> = finals.iter().copied().flatten().collect();
    known.sort_unstable_by(f64::total_cmp);
    let quartile = |part: f64| {
        known
            .get((part * (known.len() as f64 - 1.0)) as usize)
            .copied()
    };
    Arm {
        name: name.to_owned(),
        recipe: recipe.to_owned(),
        trunk: None,
        predicted: Some(Predicted {
            log_gradients: [-30.0, -2.0, 0.1][place],
            is_hopeless: place == 0,
        }),
        search: (0..3)
            .map(|rate| {
                let scores = own(Purpose::Tuning, rate);
                Searched {
                    median: scores.iter().copied().flatten().next(),
                    diverged: scores.iter().filter(|score| score.is_none()).count(),
                    scores,
                }
            })
            .collect(),
        best: Some(1),
        is_interior: true,
        basin: Some(Basin {
            low: 0.02,
            high: 0.2,
            octaves: 3.3,
            tolerance: 0.02,
        }),
        quartiles: vec![quartile(0.25), quartile(0.5), quartile(0.75)],
        finals,
        training_loss: Some(0.5),
        steps_to_target: None,
    }
}

fn pair(a: usize, b: usize, value: f64, is_different: bool) -> Pair {
    Pair {
        a,
        b,
        seeds: 3,
        difference: Difference {
            of: Location::Mean,
            value: Some(value),
            low: Some(value - 0.03),
            high: Some(value + 0.03),
        },
        p: if is_different { 0.001 } else { 0.4 },
        p_adjusted: if is_different { 0.003 } else { 0.4 },
        is_different,
        superiority: if is_different { 1.0 } else { 0.6 },
        seeds_needed: (!is_different).then_some(24),
    }
}
