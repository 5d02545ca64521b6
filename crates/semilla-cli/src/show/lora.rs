//! An adapter that was written, or merged.

use semilla_checkpoint::ops::{AdapterReport, MergeReport};

use crate::failure::Failure;
use crate::show::figures::{grouped_digits, number, shape};
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints what each matrix got, and how to load it.
pub(crate) fn print(report: &AdapterReport, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "matrix",
        "out, in",
        "dtype",
        "rank",
        "norm",
        "in the adapter",
        "residual",
    ]);
    for entry in &report.matrices {
        table.row([
            entry.tensor.clone(),
            shape(&entry.shape),
            entry.dtype.to_string(),
            entry.rank.to_string(),
            number(entry.norm),
            format!("{:.2}%", 100.0 * entry.share),
            entry
                .residual
                .map_or_else(|| "the base as it is".to_owned(), number),
        ]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "{} adapters, {} parameters, scaling {}; norms are Frobenius, shares those of the squared \
         norm",
        report.matrices.len(),
        grouped_digits(report.parameters()),
        number(report.scaling)
    ))?;
    for remark in &report.remarks {
        output.line(format_args!("{remark}"))?;
    }
    let names: Vec<String> = report
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    output.line(format_args!(
        "wrote {} in {:.1} s",
        names.join(", "),
        report.seconds
    ))?;
    if report.init.has_residual() {
        output.line(format_args!(
            "the adapter belongs to the base written here, not to the one that was given. \
             adapter_config.json therefore says init_lora_weights = true: by {:?}, peft would take \
             the base apart once more. To load:",
            report.init.name()
        ))?;
    } else {
        output.line(format_args!(
            "the adapter belongs to the base as it is. To load:"
        ))?;
    }
    for line in &report.load {
        output.line(format_args!("  {line}"))?;
    }
    Ok(())
}

/// Prints what an adapter changed.
pub(crate) fn print_merged(report: &MergeReport, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new(["matrix", "rank", "scaling", "method"]);
    for entry in &report.merged {
        table.row([
            entry.tensor.clone(),
            entry.rank.to_string(),
            number(entry.scaling),
            if entry.dora { "DoRA" } else { "LoRA" }.to_owned(),
        ]);
    }
    output.table(&table)?;
    if !report.given.is_empty() {
        output.line(format_args!(
            "taken whole from the adapter: {}",
            report.given.join(", ")
        ))?;
    }
    for remark in &report.remarks {
        output.line(format_args!("{remark}"))?;
    }
    let files = report.files.iter().map(|file| file.display().to_string());
    output.line(format_args!(
        "merged {} adapters; wrote {} in {:.1} s",
        report.merged.len(),
        files.collect::<Vec<_>>().join(", "),
        report.seconds
    ))
}
