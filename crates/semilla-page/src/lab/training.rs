//! Training from every start of a setup, side by side, and what to show of it on the way.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use semilla_lab::{DataSpec, LabError, Problem, Record, Replica, Seeds, Trial, Trunk};

use super::live::{Arm, Moment};
use super::parts::Parts;
use super::setup::Setup;
use super::start::Start;
use super::theory::{Told, plain, theory};
use crate::text::{Text, lab as text};

/// Looks at a training, at least; so that one sees it move even where it is over at once.
const LOOKS: u64 = 24;
/// The time between two looks, at least and about at most.
const PACE: (Duration, Duration) = (Duration::from_millis(60), Duration::from_millis(250));

/// Trains a network from every start of a setup, side by side, and shows it as it goes on: `show`
/// gets the parts of the page that have changed, and says whether to go on.
///
/// # Errors
/// What cannot be trained, in a sentence.
pub fn train(setup: &Setup, mut show: impl FnMut(&Parts) -> bool) -> Result<(), Text> {
    let told = theory(setup)?;
    let trials: Vec<Trial> = setup
        .starts
        .iter()
        .map(|&start| setup.trial(start))
        .collect();
    let Some(first) = trials.first() else {
        return Ok(());
    };
    let problem = Problem::of(first).map_err(|error| plain(&error))?;
    follow(setup, &told, &problem, &trials, &mut show).map_err(|error| plain(&error))
}

fn follow(
    setup: &Setup,
    told: &[Told],
    problem: &Problem,
    trials: &[Trial],
    show: &mut dyn FnMut(&Parts) -> bool,
) -> Result<(), LabError> {
    let start = |trial: &Trial| Replica::start(problem, trial);
    let mut runs: Vec<Replica<'_>> = trials.par_iter().map(start).collect::<Result<_, _>>()?;
    let layers = |run: &mut Replica<'_>| run.layers();
    let first = runs
        .par_iter_mut()
        .map(layers)
        .collect::<Result<Vec<_>, _>>()?;
    let arms = setup.starts.iter().zip(first).map(|(&start, first)| Arm {
        start,
        curve: Vec::new(),
        end: semilla_lab::End::Finished,
        now: first.clone(),
        first,
        score: None,
    });
    let mut arms: Vec<Arm> = arms.collect();
    let (mut step, mut steps) = (0, 1);
    loop {
        let moment = Moment {
            setup,
            told,
            step,
            arms: &arms,
        };
        if !show(&parts(&moment)) {
            return Ok(());
        }
        if step >= setup.steps {
            break;
        }
        let before = Instant::now();
        steps = steps.min(setup.steps - step);
        runs.par_iter_mut()
            .zip(&mut arms)
            .try_for_each(|(run, arm)| advance(run, arm, steps))?;
        step += steps;
        let took = before.elapsed();
        steps = next(steps, took, setup.steps);
        std::thread::sleep(PACE.0.saturating_sub(took));
    }
    let finish = |(run, arm): (Replica<'_>, &mut Arm)| {
        let outcome = run.finish()?;
        (arm.end, arm.score) = (outcome.end, outcome.test);
        Ok::<(), LabError>(())
    };
    runs.into_par_iter().zip(&mut arms).try_for_each(finish)?;
    let last = Moment {
        setup,
        told,
        step,
        arms: &arms,
    };
    let mut shown = parts(&last);
    shown.put("outcome", last.outcome());
    show(&shown);
    Ok(())
}

/// Takes steps, and looks.
fn advance(run: &mut Replica<'_>, arm: &mut Arm, steps: u64) -> Result<(), LabError> {
    let before = run.step();
    run.advance(steps)?;
    let outcome = run.so_far();
    arm.curve.clone_from(&outcome.curve);
    arm.end = outcome.end;
    // A network that has diverged has nothing more to show.
    if run.step() > before {
        arm.now = run.layers()?;
    }
    Ok(())
}

/// The steps until the next look, from how long the last ones took.
fn next(steps: u64, took: Duration, all: u64) -> u64 {
    let faster = if took * 2 < PACE.1 { steps * 2 } else { steps };
    let slower = if took > PACE.1 { steps / 2 } else { faster };
    slower.clamp(1, all.div_ceil(LOOKS))
}

fn parts(moment: &Moment<'_>) -> Parts {
    let mut parts = Parts::default();
    parts.put("loss", moment.loss());
    parts.put("layers", moment.layers());
    let progress = text::progress(moment.step, moment.setup.steps);
    parts.put("progress", maud::html! { (progress) });
    parts
}

impl Setup {
    /// The training from a start.
    pub(super) fn trial(&self, start: Start) -> Trial {
        let trunk = (start == Start::Pretrained).then(|| Trunk {
            trial: Box::new(Trial {
                data: DataSpec {
                    classes: vec![0, 1, 2, 3, 4],
                    ..self.source.data()
                },
                rate: 0.02,
                batch: 64,
                steps: 300,
                ..self.plain_trial(start)
            }),
            fresh: vec![self.last_layer()],
        });
        Trial {
            trunk,
            ..self.plain_trial(start)
        }
    }

    fn plain_trial(&self, start: Start) -> Trial {
        Trial {
            model: self.model(),
            recipe: self.recipe(start),
            data: DataSpec {
                classes: if self.transfers() {
                    vec![5, 6, 7, 8, 9]
                } else {
                    Vec::new()
                },
                training: (self.labels > 0).then_some(self.labels),
                ..self.source.data()
            },
            loss: None,
            optimizer: self.optimizer,
            rate: self.rate,
            schedule: semilla_lab::Schedule::default(),
            batch: self.batch,
            steps: self.steps,
            weight_decay: 0.0,
            seeds: Seeds {
                weights: self.seed,
                order: self.seed,
                split: 0,
            },
            trunk: None,
            record: Record {
                curve: self.steps.min(100),
                validations: 1,
                layers: 0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::choice::Own;
    use super::*;

    fn shown(query: &str) -> Vec<Parts> {
        let setup = Setup::from_query(query, None).unwrap();
        let mut shown = Vec::new();
        train(&setup, |parts| {
            shown.push(parts.clone());
            true
        })
        .unwrap();
        shown
    }

    #[test]
    fn every_look_has_all_parts_and_the_last_one_the_outcome() {
        let shown = shown("depth=2&width=8&start=he&start=zeros&steps=30&activation=relu");
        assert!(shown.len() >= 15, "{} looks", shown.len());
        for parts in &shown {
            for id in ["loss", "layers", "progress"] {
                assert!(parts.get(id).is_some_and(|html| !html.is_empty()), "{id}");
            }
        }
        assert!(shown[0].get("progress").unwrap().contains("Step 0 of 30"));
        let last = shown.last().unwrap().get("outcome").unwrap();
        assert!(
            last.contains(" %") && last.contains("another seed"),
            "{last}"
        );
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let setup = Setup::from_query("depth=1&width=4&start=he&steps=5000", None).unwrap();
        let mut looks = 0;
        train(&setup, |_| {
            looks += 1;
            looks < 3
        })
        .unwrap();
        assert_eq!(looks, 3);
    }

    #[test]
    fn what_diverges_is_said() {
        let query = "depth=3&width=16&activation=relu&start=large&start=he&steps=60&rate=10";
        let shown = shown(query);
        let last = shown.last().unwrap().get("outcome").unwrap();
        assert!(last.contains("diverged at step"), "{last}");
    }

    #[test]
    fn pretrained_weights_come_from_other_classes() {
        let shown = shown("depth=1&width=16&start=pretrained&labels=25&steps=20&activation=relu");
        assert!(shown.last().unwrap().get("outcome").is_some());
    }

    #[test]
    fn convolutions_train_too() {
        let query = "shape=convolutions&depth=2&width=4&start=he&start=pretrained&steps=10";
        let shown = shown(&format!("{query}&activation=relu"));
        assert!(shown.last().unwrap().get("outcome").is_some());
    }

    #[test]
    fn data_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my flowers.csv");
        let row = |i: usize| format!("{},{},{}\n", i % 7, i % 5, ["a", "b", "c"][i % 3]);
        let rows: String = (0..90).map(row).collect();
        std::fs::write(&path, format!("length,width,species\n{rows}")).unwrap();
        let mut data = DataSpec::of(path.to_string_lossy());
        // No usual name for labels.
        assert!(Own::of(data.clone()).is_err());
        data.labels = Some("species".to_owned());
        let own = Own::of(data).unwrap();
        let query = "depth=1&width=8&start=he&source=own&steps=10&activation=relu";
        let setup = Setup::from_query(query, Some(&own)).unwrap();
        assert_eq!(setup.model(), "mlp:2-8-3:relu");
        assert!(
            setup
                .command()
                .contains("my flowers.csv' --labels species --recipes")
        );
        let mut shown = Vec::new();
        train(&setup, |parts| {
            shown.push(parts.clone());
            true
        })
        .unwrap();
        assert!(shown.last().unwrap().get("outcome").is_some());
        let page = crate::lab::page(Some(&own));
        assert!(page.contains("<option value=\"own\" selected"));
        let images = Setup::from_query(&format!("{query}&shape=convolutions"), Some(&own));
        assert!(images.is_err());
    }

    #[test]
    fn looks_come_as_fast_as_the_network_is() {
        let (quick, slow) = (Duration::from_millis(1), Duration::from_secs(1));
        assert_eq!(next(4, quick, 1000), 8);
        assert_eq!(next(4, slow, 1000), 2);
        assert_eq!(next(1, slow, 1000), 1);
        assert_eq!(next(64, quick, 240), 10);
    }
}
