//! Every training of a comparison as a row of CSV.

use semilla_lab::{Comparison, End, Purpose, Run};

/// The header and a row for each training. Fields that are text are quoted.
pub(crate) fn table(found: &Comparison) -> String {
    let mut text = String::from(
        "start,purpose,rate,weights_seed,order_seed,split_seed,trial,steps,diverged,\
         training_loss,validation_loss,validation_accuracy,test_loss,test_accuracy\n",
    );
    for run in &found.runs {
        text += &row(found, run);
    }
    text
}

fn row(found: &Comparison, run: &Run) -> String {
    let (protocol, outcome) = (&found.protocol, &run.outcome);
    let purpose = match run.purpose {
        Purpose::Rung => "rung",
        Purpose::Tuning => "tuning",
        Purpose::Final => "final",
        Purpose::Check => "check",
    };
    let seeds = protocol.seeds(run.purpose).get(run.seed);
    let seeds = seeds.copied().unwrap_or_default();
    let (steps, diverged) = match outcome.end {
        End::Finished => (String::new(), "false"),
        End::Diverged { step } => (step.to_string(), "true"),
    };
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let (validation, test) = (outcome.validation(), outcome.test);
    [
        quoted(&found.arms[run.arm].name),
        purpose.to_owned(),
        number(found.rates.get(run.rate).copied()),
        seeds.weights.to_string(),
        seeds.order.to_string(),
        seeds.split.to_string(),
        outcome.trial.clone(),
        steps,
        diverged.to_owned(),
        number(outcome.curve.last().map(|point| point.loss)),
        number(validation.map(|score| score.loss)),
        number(validation.and_then(|score| score.accuracy)),
        number(test.map(|score| score.loss)),
        number(test.and_then(|score| score.accuracy)),
    ]
    .join(",")
        + "\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
