//! muP's coordinate check.

use semilla_signal::{Coordinate, Coordinates};

use crate::failure::Failure;
use crate::show::figures::{rough, short};
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints the verdict, then how far each layer moves at each width, and the slope.
pub(crate) fn print(found: &Coordinates, output: &mut Output) -> Result<(), Failure> {
    output.line(format_args!("{}", verdict(found)))?;
    let mut table = Table::new(["layer", "|Δx| by width", "slope", "95 %", ""]);
    found
        .layers
        .iter()
        .for_each(|layer| table.row(cells(layer)));
    output.table(&table)?;
    let widths: Vec<String> = found.widths.iter().map(usize::to_string).collect();
    output.line(format_args!(
        "|Δx|: how far {} steps of {} at {} move what a layer makes (root mean square), at the \
         widths {}; {} seeds",
        found.steps,
        found.optimizer.name(),
        short(found.lr),
        widths.join(", "),
        found.seeds
    ))
}

fn verdict(found: &Coordinates) -> String {
    let failing = found.layers.iter().filter(|layer| !layer.passes);
    let slope = |layer: &&Coordinate| {
        layer
            .slope()
            .map_or(f64::INFINITY, |slope| slope.slope.abs())
    };
    let worst = failing.clone().max_by(|a, b| slope(a).total_cmp(&slope(b)));
    let Some(worst) = worst else {
        return "passes: the first steps move every layer alike at every width".to_owned();
    };
    let how = match worst.slope() {
        Some(slope) if slope.slope > 0.0 => format!("grow as n^{}", rough(slope.slope)),
        Some(slope) => format!("shrink as n^{}", rough(slope.slope)),
        None => "are not finite at every width".to_owned(),
    };
    format!(
        "fails: the moves of {} layers depend on the width; those of {} {how}, so a learning rate \
         tuned at one width is wrong at another",
        failing.count(),
        worst.weight
    )
}

fn cells(layer: &Coordinate) -> [String; 5] {
    let moves: Vec<String> = layer.moves.iter().map(|&moved| rough(moved)).collect();
    let slope = layer.slope();
    [
        layer.weight.clone(),
        moves.join("  "),
        slope.map_or_else(String::new, |slope| format!("{:.2}", slope.slope)),
        slope.map_or_else(String::new, |slope| {
            format!("{:.2}..{:.2}", slope.low, slope.high)
        }),
        if layer.passes { "" } else { "fails" }.to_owned(),
    ]
}
