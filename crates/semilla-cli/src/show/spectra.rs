//! Singular values of a run.

use semilla_signal::{LayerSpectrum, Spectra};

use crate::failure::Failure;
use crate::show::figures::rough;
use crate::show::fold::fold;
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints the layers, those alike on one line unless `full`; then the Jacobian and the tangent
/// kernel.
pub(crate) fn print(spectra: &Spectra, full: bool, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "layer",
        "effective rank",
        "saturated",
        "stable rank",
        "largest / edge",
    ]);
    let layers = &spectra.layers;
    match full {
        true => layers
            .iter()
            .for_each(|layer| table.row(cells(layer.weight.clone(), &[layer]))),
        false => {
            for line in fold(layers.iter().map(|layer| (&*layer.weight, ()))) {
                let members = line.members.iter();
                let members: Vec<&LayerSpectrum> = members.map(|&at| &layers[at]).collect();
                table.row(cells(line.label(), &members));
            }
        }
    }
    output.table(&table)?;
    if let Some(jacobian) = &spectra.jacobian {
        output.line(format_args!(
            "Jacobian of what follows {} by what follows {}: s² {} in the mean (± {}), spread {}; \
             s from {} or below to {}",
            jacobian.to,
            jacobian.from,
            rough(jacobian.mean_square),
            rough(jacobian.mean_square_error),
            rough(jacobian.spread),
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
            "tangent kernel on {} samples: {condition}, effective rank {}",
            kernel.samples,
            rough(kernel.effective_rank),
        ))?;
    }
    Ok(())
}

fn cells(name: String, layers: &[&LayerSpectrum]) -> [String; 5] {
    let range = |of: &dyn Fn(&LayerSpectrum) -> Option<f64>| {
        let values: Vec<f64> = layers.iter().filter_map(|layer| of(layer)).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match (rough(least), rough(greatest)) {
            _ if values.is_empty() => String::new(),
            (least, greatest) if least == greatest => least,
            (least, greatest) => format!("{least}..{greatest}"),
        }
    };
    [
        name,
        range(&|layer| Some(layer.effective_rank)),
        range(&|layer| layer.saturated),
        range(&|layer| Some(layer.stable_rank)),
        range(&|layer| Some(layer.edge)),
    ]
}
