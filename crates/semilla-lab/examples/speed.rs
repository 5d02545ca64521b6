//! How long replicas take per step: `speed MODEL DATA BATCH REPLICAS STEPS [OPTIMIZER]`.
//!
//! Replicas with seeds of their own train side by side, for a tenth of the steps and for all of
//! them; the difference is that of the steps alone. Prints milliseconds per step and replica, and
//! the mean accuracy on the test set.

use std::time::Instant;

use semilla_lab::{
    DataSpec, LabError, Outcome, Problem, Record, Schedule, Seeds, Trial, Watch, train,
};
use semilla_signal::Optimizer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, data, batch, replicas, steps, rest @ ..] = &*arguments else {
        return Err("speed MODEL DATA BATCH REPLICAS STEPS [OPTIMIZER [RATE]]".into());
    };
    let optimizer: Optimizer = rest.first().map_or("momentum", String::as_str).parse()?;
    let (replicas, steps): (u64, u64) = (replicas.parse()?, steps.parse()?);
    let mut trial = Trial {
        model: model.clone(),
        recipe: "kaiming_normal".to_owned(),
        data: DataSpec::of(data),
        loss: None,
        optimizer,
        rate: rest.get(1).map_or(Ok(0.05), |rate| rate.parse())?,
        schedule: Schedule::default(),
        batch: batch.parse()?,
        steps,
        weight_decay: 0.0,
        seeds: Seeds::default(),
        trunk: None,
        record: Record::default(),
    };
    let problem = Problem::of(&trial)?;
    let mut timed = |steps: u64| -> Result<(f64, Vec<Outcome>), LabError> {
        trial.steps = steps;
        let seeds = (0..replicas).map(|weights| Seeds {
            weights,
            ..Seeds::default()
        });
        let trials: Vec<Trial> = seeds
            .map(|seeds| Trial {
                seeds,
                ..trial.clone()
            })
            .collect();
        let start = Instant::now();
        let outcomes = train(&problem, &trials, Watch::default())?;
        Ok((
            start.elapsed().as_secs_f64(),
            outcomes.into_iter().flatten().collect(),
        ))
    };
    let few = (steps / 10).max(1);
    let (short, _) = timed(few)?;
    let (long, outcomes) = timed(steps)?;
    let milliseconds = 1e3 * (long - short) / ((steps - few).max(1) * replicas) as f64;
    let right = outcomes.iter().filter_map(|outcome| outcome.test?.accuracy);
    let accuracy = right.sum::<f64>() / outcomes.len().max(1) as f64;
    println!("{milliseconds:.5} {accuracy:.4}");
    Ok(())
}
