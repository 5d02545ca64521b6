//! What first weights do to signals.

use semilla_signal::theory::{Predicted, Scores};
use semilla_signal::{Forward, Layer, Report};

use crate::commands::checked::Checked;
use crate::commands::expected::Expected;
use crate::failure::Failure;
use crate::show::figures::rough;
use crate::show::fold::lines;
use crate::show::output::Output;
use crate::show::table::Table;
use crate::show::{first_step, fitting, lint, spectra};

/// Prints the verdict, what theory expects, then the layers, those alike on one line unless
/// `full`; then the loss and the first step, what was fitted, singular values, what was
/// done to the data, and likely mistakes.
pub(crate) fn print(checked: &Checked, full: bool, output: &mut Output) -> Result<(), Failure> {
    layers(&checked.report, &checked.expected, full, output)?;
    if let Some(step) = &checked.first_step {
        first_step::print(step, full, output)?;
    }
    if let Some(found) = &checked.fitting {
        fitting::print(found, checked.data.is_noise, output)?;
    }
    if let Some(found) = &checked.spectra {
        spectra::print(found, &checked.expected.prediction, full, output)?;
    }
    let mut remarks = checked.data.remarks.iter();
    remarks.try_for_each(|remark| output.line(format_args!("data: {remark}")))?;
    lint::print_found(&checked.lint, output)
}

fn layers(
    report: &Report,
    theory: &Expected,
    full: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let verdict = &report.verdict;
    let word = if verdict.passes { "passes" } else { "fails" };
    output.line(format_args!("{word}: {}", verdict.sentence))?;
    for remark in verdict.remarks() {
        output.line(format_args!("note: {remark}"))?;
    }
    if !theory.prediction.layers.is_empty() || !theory.prediction.ends.is_empty() {
        output.line(format_args!("theory: {}", theory.prediction))?;
    }
    let assumed = &theory.prediction.assumed;
    for sentence in assumed.iter().take(SAID) {
        output.line(format_args!("theory: {sentence}"))?;
    }
    if let Some(more @ 1..) = assumed.len().checked_sub(SAID) {
        output.line(format_args!(
            "theory: {more} more such assumptions are listed by --json"
        ))?;
    }
    if let Some(reach) = &theory.prediction.reach {
        output.line(format_args!("theory: {reach}"))?;
    }
    if let Some(dead) = theory
        .prediction
        .born_dead
        .filter(|dead| *dead > WORTH_SAYING)
    {
        output.line(format_args!(
            "theory: it is born dead with probability {} or more: all units of a layer are 0 for all \
             samples",
            rough(dead)
        ))?;
    }
    let Some(first) = report.measurements.first() else {
        return Ok(());
    };
    let runs = report.measurements.iter();
    let began = runs.map(|run| run.output_gradient).sum::<f64>() / report.measurements.len() as f64;
    let mut table = Table::new(HEADER);
    let layers = &first.layers;
    for line in lines(layers, full, |layer| &layer.weight, |layer| &layer.operator) {
        let weights = line.of(layers).into_iter().map(|layer| &*layer.weight);
        table.row(cells(
            line.label(),
            &every(report, &line.members),
            &theory.of(&weights.collect::<Vec<&str>>()),
            began,
        ));
    }
    if !full {
        table.spare(&[
            "expected dead",
            "dead",
            "cosine",
            "E[x]",
            "expected |g|²",
            "expected E[x²]",
        ]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "x: what a layer makes, before its activation; g: the gradient of that, by sample. Means \
         over {}; !: more than 4 standard deviations from what theory expects.",
        match report.measurements.len() {
            1 => "one run".to_owned(),
            many => format!("{many} seeds"),
        }
    ))
}

/// What theory assumes is said in so many sentences.
const SAID: usize = 3;

/// A probability of being born dead that is worth a line.
const WORTH_SAYING: f64 = 1e-3;

const HEADER: [&str; 10] = [
    "layer",
    "E[x]",
    "E[x²]",
    "expected E[x²]",
    "var between samples",
    "cosine",
    "|g|²",
    "expected |g|²",
    "dead",
    "expected dead",
];

/// Layers of all measurements.
fn every<'a>(report: &'a Report, places: &[usize]) -> Vec<&'a Layer> {
    let runs = report.measurements.iter();
    runs.flat_map(|run| places.iter().filter_map(|&place| run.layers.get(place)))
        .collect()
}

/// Layers farther from what theory expects than so many standard deviations are marked.
const FAR: f64 = 4.0;

/// A range of expected values, with a mark where what was measured is far from it.
fn marked(values: impl Iterator<Item = (Option<f64>, Option<f64>)>) -> String {
    let (values, scores): (Vec<Option<f64>>, Vec<Option<f64>>) = values.unzip();
    let text = range(values.into_iter().flatten());
    match scores.into_iter().flatten().any(|score| score.abs() >= FAR) {
        true => format!("{text} !"),
        false => text,
    }
}

fn cells(
    name: String,
    layers: &[&Layer],
    expected: &[(&Predicted, &Scores)],
    began: f64,
) -> [String; 10] {
    let forward = |of: fn(&Forward) -> f64| range(layers.iter().map(|layer| of(&layer.forward)));
    [
        name,
        forward(|forward| forward.mean),
        forward(|forward| forward.second_moment),
        marked(
            expected
                .iter()
                .map(|(layer, score)| (Some(layer.second_moment), score.second_moment)),
        ),
        forward(|forward| forward.between_samples),
        range(layers.iter().filter_map(|layer| layer.forward.cosine)),
        range(
            layers
                .iter()
                .filter_map(|layer| Some(layer.backward?.squared_norm)),
        ),
        marked(
            expected
                .iter()
                .map(|(layer, score)| (layer.gradient.map(|g| g * began), score.gradient)),
        ),
        range(layers.iter().filter_map(|layer| Some(layer.backward?.dead))),
        range(expected.iter().filter_map(|(layer, _)| layer.dead)),
    ]
}

/// The mean of values, in two digits; of several layers that differ, the least and the greatest.
fn range(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    if values.is_empty() {
        return String::new();
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    match least > 0.0 && greatest > 2.0 * least {
        true => format!("{}..{}", rough(least), rough(greatest)),
        false => rough(mean),
    }
}
