//! Trials as functions: the same outcome wherever they run, and what ends them.

use semilla_lab::{DataSpec, End, LabError, Outcome, Problem, Trial, Watch, train};
use semilla_signal::Loss;

const DIGITS: &str = r#"{"model": "mlp:64-32-10:relu", "recipe": "kaiming_normal",
    "data": {"source": "digits"},
    "optimizer": "momentum", "rate": 0.05, "steps": 60, "weight_decay": 1e-4,
    "schedule": {"warmup": 5, "decay": "cosine"},
    "record": {"curve": 6, "validations": 2, "layers": 3}}"#;

fn trial(text: &str, change: impl FnOnce(&mut Trial)) -> Trial {
    let mut trial = Trial::from_json(text).unwrap();
    change(&mut trial);
    trial
}

fn outcomes(trials: &[Trial], threads: usize) -> Vec<Outcome> {
    let problem = Problem::of(&trials[0]).unwrap();
    let watch = Watch {
        threads,
        ..Watch::default()
    };
    let found = train(&problem, trials, watch).unwrap();
    found.into_iter().map(Option::unwrap).collect()
}

fn outcome(trial: &Trial) -> Outcome {
    outcomes(std::slice::from_ref(trial), 1).remove(0)
}

#[test]
fn nothing_is_learnt_of_what_is_tested() {
    // Labels that nothing but memory could tell.
    let stream = semilla::stream::Stream::new(0, "rows and labels");
    let mut rows = "a,b,c,d,e,f,g,h,label\n".to_owned();
    for row in 0..400 {
        let number = |column: u64| stream.word(9 * row + column) % 1000;
        for column in 0..8 {
            rows += &format!("{},", number(column));
        }
        rows += &format!("{}\n", number(8) % 4);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("random.csv");
    std::fs::write(&path, rows).unwrap();
    let trial = trial(DIGITS, |trial| {
        trial.model = "mlp:8-256-4:relu".to_owned();
        trial.data = DataSpec::of(path.to_string_lossy());
        trial.steps = 600;
        trial.schedule = semilla_lab::Schedule::default();
    });
    let found = outcome(&trial);
    let accuracy = found.test.unwrap().accuracy.unwrap();
    let last = found.curve.last().unwrap().loss;
    // 60 samples are tested: a quarter of them by chance, with a standard error of 5.6 points.
    assert!(accuracy < 0.48, "{accuracy} of random labels");
    assert!(last < 1.1, "{last}: some are known by heart");
}

#[test]
fn an_outcome_depends_on_its_trial_alone() {
    for recipe in ["kaiming_normal", "auto"] {
        depends_on_its_trial_alone(recipe);
    }
}

fn depends_on_its_trial_alone(recipe: &str) {
    let seeds = |weights: u64| {
        trial(DIGITS, |trial| {
            recipe.clone_into(&mut trial.recipe);
            trial.seeds.weights = weights;
        })
    };
    let trials: Vec<Trial> = (0..4).map(seeds).collect();
    let (one, three) = (outcomes(&trials, 1), outcomes(&trials, 3));
    let text = |outcome: &Outcome| serde_json::to_string(outcome).unwrap();
    for (place, trial) in trials.iter().enumerate() {
        assert_eq!(text(&one[place]), text(&three[place]));
        assert_eq!(text(&one[place]), text(&outcome(trial)));
        assert_eq!(one[place].trial, trial.id());
    }
    assert_ne!(one[0].curve, one[1].curve);
    // Read back, it is the same.
    assert_eq!(
        serde_json::from_str::<Outcome>(&text(&one[0])).unwrap(),
        one[0]
    );
}

#[test]
fn what_was_asked_for_is_noted() {
    let found = outcome(&trial(DIGITS, |_| {}));
    let steps = |of: Vec<u64>| assert_eq!(of, [10, 20, 30, 40, 50, 60]);
    steps(found.curve.iter().map(|point| point.step).collect());
    assert_eq!(
        found
            .validations
            .iter()
            .map(|at| at.step)
            .collect::<Vec<_>>(),
        [30, 60]
    );
    assert_eq!(
        found.layers.iter().map(|at| at.step).collect::<Vec<_>>(),
        [0, 30, 60]
    );
    assert!(
        found.curve[5].loss < 0.5 * found.curve[0].loss,
        "{:?}",
        found.curve
    );
    assert!(found.validation().unwrap().accuracy.unwrap() > 0.8);
    assert!(found.test.unwrap().accuracy.unwrap() > 0.8);
    let layers = &found.layers[0].layers;
    assert_eq!(layers[0].weight, "layers.0.weight");
    // He's start: second moments of about 2 before and 1 behind the activation.
    assert!((1.0..2.0).contains(&layers[0].std), "{layers:?}");
    assert!(layers[0].gradient > 0.0 && layers[0].histogram.is_some());
}

#[test]
fn divergence_is_an_outcome() {
    let wild = trial(DIGITS, |trial| trial.rate = 1e6);
    let found = outcome(&wild);
    let End::Diverged { step } = found.end else {
        panic!("{found:?}")
    };
    assert!(step < 60 && found.test.is_none() && found.validation().is_none());
}

#[test]
fn every_seed_changes_its_own_part() {
    let base = outcome(&trial(DIGITS, |_| {}));
    let order = outcome(&trial(DIGITS, |trial| trial.seeds.order = 1));
    let split = outcome(&trial(DIGITS, |trial| trial.seeds.split = 1));
    // The first weights are the same: the layers' weights get other batches only.
    assert_eq!(base.layers[0].layers, order.layers[0].layers);
    assert_ne!(base.curve, order.curve);
    assert_ne!(base.layers[0].layers, split.layers[0].layers);
}

#[test]
fn optimizers_and_losses_train() {
    for (optimizer, rate, loss) in [
        ("sgd", 0.3, "cross_entropy"),
        ("momentum", 0.1, "mse"),
        ("adam", 0.005, "cross_entropy"),
        ("adamw", 0.005, "mse"),
    ] {
        let text = format!(
            r#"{{"model": "mlp:2-32-32-2:tanh", "recipe": "xavier_normal", "loss": "{loss}",
            "data": {{"source": "spirals:turns=0.5"}}, "optimizer": "{optimizer}", "rate": {rate},
            "steps": 300}}"#
        );
        let found = outcome(&trial(&text, |_| {}));
        let accuracy = found.test.unwrap().accuracy.unwrap();
        assert!(accuracy > 0.9, "{optimizer} {loss}: {accuracy}");
    }
}

#[test]
fn a_trunk_gives_its_weights() {
    let few = r#"{"model": "mlp:64-32-5:relu", "recipe": "kaiming_normal",
        "optimizer": "momentum", "rate": 0.02, "steps": 40, "data": {"source": "digits", "classes": [5, 6, 7, 8, 9], "training": 20}}"#;
    let trunk = r#"{"model": "mlp:64-32-5:relu", "recipe": "kaiming_normal",
        "optimizer": "momentum", "rate": 0.05, "steps": 150, "data": {"source": "digits", "classes": [0, 1, 2, 3, 4]}}"#;
    let text = few.replacen(
        '{',
        &format!(r#"{{"trunk": {{"trial": {trunk}, "fresh": ["layers.1.*"]}},"#),
        1,
    );
    let record = |trial: &mut Trial| trial.record.layers = 2;
    let (with, without) = (trial(&text, record), trial(few, record));
    let found = [&with, &without].map(outcome);
    assert_eq!(
        found[0],
        outcomes(&[with.clone(), with.clone()], 2).remove(1)
    );
    // The first layer is the trunk's, the head its own.
    let [with_layers, without_layers] = found.map(|outcome| outcome.layers[0].layers.clone());
    assert_ne!(with_layers[0].histogram, without_layers[0].histogram);
    let mut missing = with;
    if let Some(trunk) = &mut missing.trunk {
        trunk.trial.model = "mlp:64-16-5:relu".to_owned();
    }
    let error = train(
        &Problem::of(&missing).unwrap(),
        &[missing],
        Watch::default(),
    )
    .unwrap_err();
    assert!(matches!(error, LabError::Trunk { .. }), "{error}");
}

#[test]
fn mistakes_are_clear() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let rows = |last: &str| {
        let row = |i: usize| format!("{}.5,{},{}\n", i % 7, i % 3, i % 2);
        (0..40).map(row).collect::<String>() + last
    };
    for (model, source, expected) in [
        ("mlp:64-10:relu", "digitz", "built in are digits"),
        ("mlp:64-10:relu", "digits:size=3", "no parameter \"size\""),
        (
            "mlp:2-2:relu",
            "spirals:arms=0",
            "arms must be a number from 1",
        ),
        ("mlp:2-2:relu", "spirals:arms=3", "has the label 2"),
        ("mlp:3-2:relu", "spirals", "[2]"),
        ("mlp:4-2:relu", "parity:bits=4:inputs=3", "inputs must be 4"),
        (
            "mlp:2-2:relu",
            &file("a.csv", &rows("1,2,5\n")),
            "has the label 5",
        ),
        ("mlp:2-2:relu", &file("b.csv", &rows("nan,2,1\n")), "NaN"),
        ("mlp:2-2:relu", &file("c.csv", ""), "no rows"),
        ("mlp:2-2:relu", &file("d.csv", "1,2,0\n2,3,1\n"), "too few"),
        (
            "mlp:2-2:relu",
            &file("f.csv", &"1,2,0\n2,1,0\n".repeat(20)),
            "nothing to tell apart",
        ),
        (
            "mlp:2-1:relu",
            &file("e.csv", &rows("1,2,nan\n")),
            "a label is",
        ),
        ("nothing", "digits", "neither a file nor a network"),
    ] {
        let error = Problem::load(model, &DataSpec::of(source), None);
        let mut error: &dyn std::error::Error = &error.err().expect(source);
        let mut text = error.to_string();
        while let Some(source) = error.source() {
            text += &format!(": {source}");
            error = source;
        }
        assert!(text.contains(expected), "{source}: {text}");
    }
    let next = Problem::load(
        "mlp:64-10:relu",
        &DataSpec::of("digits"),
        Some(Loss::NextToken),
    );
    assert!(next.is_err());
    let other = trial(DIGITS, |trial| trial.model = "mlp:64-16-10:relu".to_owned());
    let problem = Problem::of(&trial(DIGITS, |_| {})).unwrap();
    let error = train(&problem, &[other], Watch::default()).unwrap_err();
    assert!(matches!(error, LabError::OtherProblem(_)));
}
