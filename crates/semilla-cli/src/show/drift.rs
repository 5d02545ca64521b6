//! What training did to weights.

use semilla_checkpoint::ops::{Drift, TensorDrift, UnitsDrift};

use crate::failure::Failure;
use crate::show::figures::{self, shape};
use crate::show::fold::lines;
use crate::show::names::shortened;
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints what stands out, then a line for each tensor, those alike on one line unless `full`.
pub(crate) fn print(drift: &Drift, full: bool, output: &mut Output) -> Result<(), Failure> {
    let names = |is: &dyn Fn(&TensorDrift) -> bool| -> Vec<String> {
        let found = drift.tensors.iter().filter(|tensor| is(tensor));
        found.map(|tensor| tensor.name.clone()).collect()
    };
    let of_all = format!("of {}", drift.tensors.len());
    let never = names(&TensorDrift::is_unmoved);
    let noise = names(&TensorDrift::is_noise);
    let odd = names(&|tensor| tensor.not_finite > 0);
    for (names, what) in [
        (
            &never,
            "tensors never moved: they have the very bits of their start",
        ),
        (
            &noise,
            "tensors moved as noise would: no direction stands out",
        ),
        (&odd, "tensors have NaN or infinite values"),
    ] {
        if !names.is_empty() {
            let (count, names) = (names.len(), shortened(names));
            output.line(format_args!("{count} {of_all} {what}: {names}"))?;
        }
    }
    let mut table = Table::new(HEADER);
    for line in lines(&drift.tensors, full, |tensor| &tensor.name, kind) {
        table.row(cells(line.label(), &line.of(&drift.tensors)));
    }
    if !full {
        table.spare(&["norm", "stable rank"]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "moved: |trained - start| / |start|; norm: |trained| / |start|; still units: those with the \
         bits of their start; directions: singular values of the difference beyond noise."
    ))?;
    for (names, what) in [
        (&drift.missing, "not in the trained file"),
        (&drift.added, "only in the trained file"),
    ] {
        if !names.is_empty() {
            output.line(format_args!("{what}: {}", shortened(names)))?;
        }
    }
    for tensor in &drift.reshaped {
        let (start, trained) = (shape(&tensor.start), shape(&tensor.trained));
        output.line(format_args!("{}: {start} became {trained}", tensor.name))?;
    }
    Ok(())
}

const HEADER: [&str; 7] = [
    "tensor",
    "moved",
    "norm",
    "cosine",
    "still units",
    "stable rank",
    "directions",
];

/// In a word, what became of a tensor: those that share a line have it in common.
fn kind(tensor: &TensorDrift) -> String {
    match () {
        () if tensor.is_unmoved() => "never moved".to_owned(),
        () if tensor.not_finite > 0 => "not finite".to_owned(),
        () if tensor.is_noise() => "noise".to_owned(),
        () => format!("{} axes", tensor.shape.len()),
    }
}

fn cells(name: String, tensors: &[&TensorDrift]) -> [String; 7] {
    let range = |of: &dyn Fn(&TensorDrift) -> Option<f64>| {
        figures::range(tensors.iter().filter_map(|tensor| of(tensor)))
    };
    let spectrum = |tensor: &TensorDrift, of: fn(&semilla_checkpoint::ops::Spectrum) -> f64| {
        tensor.spectrum.as_ref().map(of)
    };
    let directions = match tensors.iter().all(|tensor| tensor.is_unmoved()) {
        true => "never moved".to_owned(),
        false if tensors.iter().all(|tensor| tensor.is_noise()) => "none: noise".to_owned(),
        false => range(&|tensor| spectrum(tensor, |found| found.beyond_noise as f64)),
    };
    [
        name,
        range(&|tensor| tensor.moved),
        range(&|tensor| tensor.norm_ratio),
        range(&|tensor| tensor.cosine),
        still(tensors),
        range(&|tensor| spectrum(tensor, |found| found.stable_rank)),
        directions,
    ]
}

/// How many units of tensors have not moved.
fn still(tensors: &[&TensorDrift]) -> String {
    let units = || tensors.iter().filter_map(|tensor| tensor.units.as_ref());
    let total: usize = units().map(|units| units.count).sum();
    let unmoved: usize = units().map(|units: &UnitsDrift| units.unmoved.len()).sum();
    match total {
        0 => String::new(),
        total => format!("{unmoved} of {total}"),
    }
}
