//! What first weights do to signals.

use semilla::Stack;
use semilla_signal::{Forward, Layer, Report};

use crate::commands::checked::Checked;
use crate::failure::Failure;
use crate::show::figures::rough;
use crate::show::fold::fold;
use crate::show::output::Output;
use crate::show::table::Table;
use crate::show::{first_step, fitting, lint, spectra};

/// Prints the verdict, what theory expects, then the layers, those alike on one line unless
/// `full`; then the loss and the first step, what was fitted, singular values, what was
/// done to the data, and likely mistakes.
pub(crate) fn print(checked: &Checked, full: bool, output: &mut Output) -> Result<(), Failure> {
    layers(&checked.report, &checked.predicted, full, output)?;
    if let Some(step) = &checked.first_step {
        first_step::print(step, full, output)?;
    }
    if let Some(found) = &checked.fitting {
        fitting::print(found, checked.data.is_noise, output)?;
    }
    if let Some(found) = &checked.spectra {
        spectra::print(found, full, output)?;
    }
    let mut remarks = checked.data.remarks.iter();
    remarks.try_for_each(|remark| output.line(format_args!("data: {remark}")))?;
    lint::print_found(&checked.lint, output)
}

fn layers(
    report: &Report,
    predicted: &[Stack],
    full: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let verdict = &report.verdict;
    let word = if verdict.passes { "passes" } else { "fails" };
    output.line(format_args!("{word}: {}", verdict.sentence))?;
    for remark in verdict.remarks() {
        output.line(format_args!("note: {remark}"))?;
    }
    for stack in predicted {
        output.line(format_args!("theory: {stack}"))?;
    }
    let Some(first) = report.measurements.first() else {
        return Ok(());
    };
    let mut table = Table::new(HEADER);
    let rows = first.layers.iter().enumerate();
    if full {
        for (place, layer) in rows {
            table.row(cells(layer.weight.clone(), &every(report, &[place])));
        }
    } else {
        let named = first
            .layers
            .iter()
            .map(|layer| (&*layer.weight, &layer.operator));
        for line in fold(named) {
            table.row(cells(line.label(), &every(report, &line.members)));
        }
        table.spare(&["dead", "cosine", "E[x]"]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "x: what a layer makes, before its activation; g: the gradient of that, by sample. Means \
         over {}.",
        match report.measurements.len() {
            1 => "one run".to_owned(),
            many => format!("{many} seeds"),
        }
    ))
}

const HEADER: [&str; 7] = [
    "layer",
    "E[x]",
    "E[x²]",
    "var between samples",
    "cosine",
    "|g|²",
    "dead",
];

/// Layers of all measurements.
fn every<'a>(report: &'a Report, places: &[usize]) -> Vec<&'a Layer> {
    let runs = report.measurements.iter();
    runs.flat_map(|run| places.iter().filter_map(|&place| run.layers.get(place)))
        .collect()
}

fn cells(name: String, layers: &[&Layer]) -> [String; 7] {
    let forward = |of: fn(&Forward) -> f64| range(layers.iter().map(|layer| of(&layer.forward)));
    [
        name,
        forward(|forward| forward.mean),
        forward(|forward| forward.second_moment),
        forward(|forward| forward.between_samples),
        range(layers.iter().filter_map(|layer| layer.forward.cosine)),
        range(
            layers
                .iter()
                .filter_map(|layer| Some(layer.backward?.squared_norm)),
        ),
        range(layers.iter().filter_map(|layer| Some(layer.backward?.dead))),
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
