//! The initial loss and the first step.

use semilla_signal::{FirstStep, LabelSource, LayerStep, Loss};

use crate::failure::Failure;
use crate::show::figures::{range, rough, short};
use crate::show::fold::lines;
use crate::show::output::Output;
use crate::show::table::Table;

/// A loss that starts so far above that of zeros is worth a note.
const FAR: f64 = 0.5;
/// A step that changes what a layer makes by more than this part is worth a note.
const LARGE: f64 = 1.0;

/// Prints the loss before and after one step, then how far each layer moves.
pub(crate) fn print(step: &FirstStep, full: bool, output: &mut Output) -> Result<(), Failure> {
    let labels = match step.labels {
        LabelSource::Data => "the data's labels",
        LabelSource::NextTokens => "the next tokens",
        LabelSource::Random => "random labels",
    };
    let (spread, zeros) = match step.loss {
        Loss::Mse => ("outputs", "outputs of 0"),
        Loss::CrossEntropy | Loss::NextToken => ("logits", "equal logits"),
    };
    output.line(format_args!(
        "loss: {} {} at the start with {labels}; without knowledge {} is expected of {spread} with \
         a spread of {}, and {} of {zeros}",
        step.loss.name(),
        short(step.initial),
        short(step.expected),
        rough(step.spread),
        short(step.of_zeros),
    ))?;
    output.line(format_args!(
        "first step: {} at {} takes it to {}",
        step.optimizer.name(),
        short(step.lr),
        short(step.after)
    ))?;
    for note in notes(step) {
        output.line(format_args!("note: {note}"))?;
    }
    let mut table = Table::new(["layer", "‖Δw‖/‖w‖", "‖Δx‖/‖x‖"]);
    for line in lines(&step.layers, full, |layer| &layer.weight, |_| ()) {
        let layers = line.of(&step.layers);
        let cell = |of: fn(&LayerStep) -> Option<f64>| range(layers.iter().filter_map(|l| of(l)));
        table.row([
            line.label(),
            cell(|layer| layer.weight_change),
            cell(|layer| layer.output_change),
        ]);
    }
    output.table(&table)
}

fn notes(step: &FirstStep) -> Vec<String> {
    let mut notes = Vec::new();
    let costs = step.expected - step.of_zeros;
    if step.loss != Loss::Mse && costs > FAR {
        notes.push(format!(
            "the spread of the logits alone costs {}; a last layer of {} times the scale would \
             start within {FAR} of {}",
            short(costs),
            rough((FAR / costs).sqrt()),
            short(step.of_zeros)
        ));
    }
    let large = step
        .layers
        .iter()
        .filter(|layer| layer.output_change > Some(LARGE));
    let large: Vec<&str> = large.map(|layer| &*layer.weight).collect();
    if let Some(first) = large.first() {
        notes.push(format!(
            "one step moves what {} layers make ({first} first) by more than its own size: the \
             learning rate is too large for these weights",
            large.len()
        ));
    }
    if step.after > step.initial {
        notes.push("the first step makes the loss larger: the learning rate is too large".into());
    }
    notes
}
