//! The part of a plan that comes from checkpoints.

use semilla::Plan;
use semilla::transfer::Prefixes;
use semilla_checkpoint::ops::{Coverage, Transferred};

use crate::failure::Failure;
use crate::show::figures::grouped_digits;
use crate::show::fold::fold;
use crate::show::names::shortened;
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints what comes from checkpoints, what is new, and what of the checkpoints is not used.
pub(crate) fn print(plan: &Plan, output: &mut Output) -> Result<(), Failure> {
    let Some(report) = Transferred::of(plan) else {
        return Ok(());
    };
    output.line(format_args!(
        "loaded {} of {} tensors, {:.2} % of the elements",
        report.tensors,
        report.of_tensors,
        100.0 * report.elements as f64 / report.of_elements.max(1) as f64,
    ))?;
    for (what, names) in [("adapted", &report.adapted), ("new", &report.new)] {
        if !names.is_empty() {
            output.line(format_args!("{what}: {}", shortened(names)))?;
        }
    }
    if !report.prefixes.is_empty() {
        output.table(&table(&report.prefixes))?;
    }
    for source in &plan.sources {
        for remark in &source.remarks {
            output.line(format_args!("{}: {remark}", source.path))?;
        }
        let Prefixes { strip, add } = &source.prefixes;
        if !strip.is_empty() || !add.is_empty() {
            output.line(format_args!(
                "{}: prefix {strip:?} became {add:?}",
                source.path
            ))?;
        }
        let mut reasons: Vec<String> = source
            .unused
            .iter()
            .map(|(_, why)| why.to_string())
            .collect();
        reasons.sort();
        reasons.dedup();
        for reason in reasons {
            let unused = source
                .unused
                .iter()
                .filter(|(_, why)| why.to_string() == reason);
            let names: Vec<String> = unused.map(|(name, _)| name.clone()).collect();
            let names = shortened(&names);
            output.line(format_args!(
                "{}: not used: {names} ({reason})",
                source.path
            ))?;
        }
    }
    Ok(())
}

/// The coverage of each part; parts that are alike share a row.
fn table(coverage: &[Coverage]) -> Table {
    let mut table = Table::new([
        "part",
        "loaded",
        "in part",
        "new",
        "elements",
        "from checkpoints",
        "of bytes",
    ]);
    let percent = |part: u64, all: u64| format!("{:.2} %", 100.0 * part as f64 / all.max(1) as f64);
    let cells = |group: &Coverage| {
        [
            group.loaded.to_string(),
            group.adapted.to_string(),
            group.new.to_string(),
            grouped_digits(group.of_elements),
            percent(group.elements, group.of_elements),
            percent(group.bytes, group.of_bytes),
        ]
    };
    let rows = coverage
        .iter()
        .map(|group| (group.prefix.as_str(), cells(group)));
    for row in fold(rows) {
        let [loaded, adapted, new, elements, from, bytes] = cells(&coverage[row.members[0]]);
        table.row([row.label(), loaded, adapted, new, elements, from, bytes]);
    }
    table
}
