//! The initial loss and the first step.

use semilla_signal::{FirstStep, LabelSource, LayerStep, Loss, StepFinding};

use crate::failure::Failure;
use crate::show::figures::{range, rough, short};
use crate::show::fold::lines;
use crate::show::output::Output;
use crate::show::table::Table;

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
    for finding in step.findings() {
        output.line(format_args!("note: {}", said(&finding, step)))?;
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

fn said(finding: &StepFinding, step: &FirstStep) -> String {
    match finding {
        StepFinding::Spread { costs, factor } => format!(
            "the spread of the logits alone costs {}; a last layer of {} times the scale would \
             start within 0.5 of {}",
            short(*costs),
            rough(*factor),
            short(step.of_zeros)
        ),
        StepFinding::Large { layers, first } => format!(
            "one step moves what {layers} layers make ({first} first) by more than its own size: \
             the learning rate is too large for these weights"
        ),
        StepFinding::Rises => {
            "the first step makes the loss larger: the learning rate is too large".to_owned()
        }
    }
}
