//! Starts compared by training: the protocol from end to end, on small problems.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use semilla_lab::{
    Caveat, Comparison, Event, Follow, Grid, Local, Owner, Problem, Protocol, Purpose, Settings,
    Start, Store, Trial, Why, compare, protocol,
};

const TRIAL: &str = r#"{"model": "mlp:64-16-16-16-16-10:relu", "recipe": "auto",
    "data": {"source": "digits", "training": 100}, "optimizer": "momentum", "rate": 0.01,
    "batch": 20, "steps": 40}"#;

struct Setup {
    problem: Problem,
    protocol: Protocol,
    starts: Vec<Start>,
}

fn setup(change: impl FnOnce(&mut Settings)) -> Setup {
    let trial = Trial::from_json(TRIAL).unwrap();
    let problem = Problem::of(&trial).unwrap();
    let mut settings = Settings {
        tuning: 2,
        finals: 8,
        rates: Some(Grid {
            first: 0.02,
            factor: 2.0,
            count: 3,
            extension: 2,
        }),
        ..Settings::default()
    };
    change(&mut settings);
    let protocol = protocol(&problem, trial, &settings);
    let starts =
        ["kaiming_normal", "zeros", "xavier_normal"].map(|name| Start::named(name).unwrap());
    Setup {
        problem,
        protocol,
        starts: starts.to_vec(),
    }
}

fn follow<'a>(stop: &'a AtomicBool, happens: &'a (dyn Fn(Event) + Sync)) -> Follow<'a> {
    Follow {
        happens,
        stop,
        threads: 2,
    }
}

fn run(setup: &Setup, store: &Store) -> Comparison {
    let stop = AtomicBool::new(false);
    let Setup {
        problem,
        protocol,
        starts,
    } = setup;
    compare(
        problem,
        starts,
        protocol,
        store,
        &Local,
        follow(&stop, &|_| {}),
    )
    .unwrap()
}

#[test]
fn zeros_are_found_out_and_ties_are_left() {
    let setup = setup(|_| {});
    let found = run(&setup, &Store::in_memory());
    assert!(found.is_complete);
    assert_eq!(found.order.last(), Some(&1), "{}", found.verdict.sentence);
    assert_eq!(found.verdict.beaten, [1], "{}", found.verdict.sentence);
    assert!(
        found.verdict.sentence.contains("zeros is worse"),
        "{}",
        found.verdict.sentence
    );
    let zeros = &found.arms[1];
    let (zeros, he) = (
        zeros.quartiles[1].unwrap(),
        found.arms[0].quartiles[1].unwrap(),
    );
    assert!(zeros < 0.2 && he > 0.4, "{zeros}, {he}");
    // The numbers that are compared are of other seeds than those that chose the rate.
    let of = |purpose: Purpose| found.runs.iter().filter(move |run| run.purpose == purpose);
    assert_eq!(
        (of(Purpose::Final).count(), of(Purpose::Check).count()),
        (24, 8)
    );
    let Protocol { tuning, finals, .. } = &found.protocol;
    assert!(tuning.iter().all(|seeds| !finals.contains(seeds)));
    // Each is at its best rate, and only the first shows its layers.
    for run in of(Purpose::Final) {
        assert_eq!(Some(run.rate), found.arms[run.arm].best);
        assert_eq!(run.outcome.layers.is_empty(), run.seed > 0);
    }
    let check = found.self_check.unwrap();
    assert!(
        (check.seeds, check.false_differences < 0.08) == (8, true),
        "{check:?}"
    );
    assert_eq!(found.cost.trials as usize, found.runs.len());
    // Plain data, there and back.
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), found);
}

#[test]
fn an_interrupted_comparison_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs");
    let setup = setup(|settings| settings.finals = 3);
    let whole = run(&setup, &Store::in_memory());
    let owner = Owner::of(&setup.problem, &setup.protocol.trial);
    let (stop, begun) = (AtomicBool::new(false), Mutex::new(0));
    let happens = |event: Event| {
        if let Event::Steps(steps) = event {
            let mut begun = begun.lock().unwrap();
            *begun += steps;
            stop.store(*begun > 400, Ordering::Relaxed);
        }
    };
    let Setup {
        problem,
        protocol,
        starts,
    } = &setup;
    let store = Store::open(&path, &owner).unwrap();
    let partial = compare(
        problem,
        starts,
        protocol,
        &store,
        &Local,
        follow(&stop, &happens),
    )
    .unwrap();
    drop(store);
    assert!(!partial.is_complete && partial.runs.len() < whole.runs.len());
    assert!(partial.verdict.caveats.contains(&Caveat::Incomplete));
    let resumed = run(&setup, &Store::open(&path, &owner).unwrap());
    assert_eq!(
        serde_json::to_string(&resumed).unwrap(),
        serde_json::to_string(&whole).unwrap()
    );
}

#[test]
fn a_budget_ends_it_early_and_is_kept() {
    let setup = setup(|settings| settings.budget = Some(500));
    let found = run(&setup, &Store::in_memory());
    assert!(!found.is_complete);
    assert!(
        found.cost.steps <= 500 && found.cost.steps > 400,
        "{:?}",
        found.cost
    );
}

#[test]
fn pruning_leaves_out_the_hopeless_and_says_so() {
    let mut setup = setup(|settings| {
        settings.prunes = true;
        settings.tuning = 4;
        settings.finals = 2;
    });
    setup.starts[1] = Start::named("normal(std=0.0001)").unwrap();
    let found = run(&setup, &Store::in_memory());
    let hopeless = &found.pruned[0];
    assert_eq!((hopeless.arm, hopeless.rate), (1, None));
    assert!(matches!(hopeless.why, Why::Hopeless { log_gradients } if log_gradients < -18.0));
    assert!(found.runs.iter().all(|run| run.arm != 1));
    assert!(found.runs.iter().any(|run| run.purpose == Purpose::Rung));
    assert!(!found.order.contains(&1));
}

#[test]
fn what_makes_no_comparison_is_refused() {
    let refused = |setup: &Setup| {
        let stop = AtomicBool::new(false);
        let (store, follow) = (Store::in_memory(), follow(&stop, &|_| {}));
        let found = compare(
            &setup.problem,
            &setup.starts,
            &setup.protocol,
            &store,
            &Local,
            follow,
        );
        found.unwrap_err().to_string()
    };
    let mut one = setup(|_| {});
    one.starts.truncate(1);
    assert!(refused(&one).contains("1 start to compare; give 2"));
    let mut twice = setup(|_| {});
    twice.starts[1] = twice.starts[0].clone();
    assert!(refused(&twice).contains("same name"));
    let rates = setup(|settings| settings.rates.as_mut().unwrap().factor = 1.0);
    assert!(refused(&rates).contains("rates"));
}
