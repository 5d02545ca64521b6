//! Singular values of a run.

use semilla_signal::theory::Prediction;
use semilla_signal::{LayerSpectrum, Spectra};

use crate::failure::Failure;
use crate::show::figures::{self, rough};
use crate::show::fold::lines;
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints the layers, those alike on one line unless `full`; then the Jacobian and the tangent
/// kernel, with what theory expects of them.
pub(crate) fn print(
    spectra: &Spectra,
    theory: &Prediction,
    full: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut table = Table::new([
        "layer",
        "effective rank",
        "saturated",
        "stable rank",
        "largest / edge",
    ]);
    for line in lines(&spectra.layers, full, |layer| &layer.weight, |_| ()) {
        table.row(cells(line.label(), &line.of(&spectra.layers)));
    }
    output.table(&table)?;
    if let Some(jacobian) = &spectra.jacobian {
        output.line(format_args!(
            "Jacobian of what follows {} by what follows {}: s² {} in the mean (± {}{}), spread {}{}; \
             s from {} or below to {}",
            jacobian.to,
            jacobian.from,
            rough(jacobian.mean_square),
            rough(jacobian.mean_square_error),
            expected(theory.isometry.map(|known| known.mean_square), ", ", ""),
            rough(jacobian.spread),
            expected(theory.isometry.and_then(|known| known.spread), " (", ")"),
            rough(jacobian.smallest),
            rough(jacobian.largest),
        ))?;
    }
    if let Some(kernel) = &spectra.kernel {
        let condition = match kernel.condition {
            Some(condition) => format!("condition {}", rough(condition)),
            None => "singular".to_owned(),
        };
        output.line(format_args!(
            "tangent kernel on {} samples: {condition}{}, effective rank {}{}",
            kernel.samples,
            expected(theory.tangent.and_then(|known| known.condition), " (", ")"),
            rough(kernel.effective_rank),
            expected(theory.tangent.map(|known| known.effective_rank), " (", ")"),
        ))?;
    }
    Ok(())
}

/// What theory expects, if anything, between two texts.
fn expected(value: Option<f64>, before: &str, after: &str) -> String {
    let said = |value| format!("{before}{} expected{after}", rough(value));
    value.map_or(String::new(), said)
}

fn cells(name: String, layers: &[&LayerSpectrum]) -> [String; 5] {
    let range = |of: fn(&LayerSpectrum) -> Option<f64>| {
        figures::range(layers.iter().filter_map(|layer| of(layer)))
    };
    [
        name,
        range(|layer| Some(layer.effective_rank)),
        range(|layer| layer.saturated),
        range(|layer| Some(layer.stable_rank)),
        range(|layer| Some(layer.edge)),
    ]
}
