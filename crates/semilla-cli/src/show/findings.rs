//! Notes on loaded values.

use std::collections::HashMap;

use semilla::junction::{Beside, FACTOR, Junction, Verdict};
use semilla_checkpoint::ops::{Finding, Findings};

use crate::failure::Failure;
use crate::show::figures::number;
use crate::show::names::shortened;
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints a table of notes, and one of new tensors beside loaded ones.
pub(crate) fn print(findings: &Findings, output: &mut Output) -> Result<(), Failure> {
    print_notes(&findings.findings, output)?;
    print_junctions(&findings.junctions, output)
}

/// Prints the notes; tensors with the same notes share a line.
fn print_notes(findings: &[Finding], output: &mut Output) -> Result<(), Failure> {
    let said = findings.iter().flat_map(|finding| {
        let notes = finding.notes.iter();
        notes.map(|note| {
            (
                finding.tensor.clone(),
                [note.what(), note.advice().to_owned()],
            )
        })
    });
    let rows = together(said);
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["noticed in", "what", "what it means"]);
    for (names, [what, advice]) in rows {
        table.row([shortened(&names), what, advice]);
    }
    output.table(&table)
}

fn print_junctions(junctions: &[Junction], output: &mut Output) -> Result<(), Failure> {
    if junctions.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([
        "new beside loaded",
        "planned",
        "loaded",
        "ratio",
        "compared with",
        "verdict",
    ]);
    let said = junctions.iter().map(|junction| {
        let unit = match junction.role.is_matrix() {
            true => "gain",
            false => "RMS",
        };
        let cells = [
            format!("{unit} {}", number(junction.planned)),
            format!("{unit} {}", number(junction.loaded)),
            number(junction.ratio),
            beside(junction.beside),
            verdict(junction.verdict).to_owned(),
        ];
        (junction.tensor.clone(), cells)
    });
    for (names, [planned, loaded, ratio, beside, verdict]) in together(said) {
        table.row([shortened(&names), planned, loaded, ratio, beside, verdict]);
    }
    output.table(&table)?;
    let beyond = |j: &&Junction| matches!(j.verdict, Verdict::Smaller | Verdict::Larger);
    let beyond = junctions.iter().filter(beyond);
    let names: Vec<String> = beyond.map(|junction| junction.tensor.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    output.line(format_args!(
        "beyond a factor of {FACTOR} from what was loaded: {}; signals change their size there. \
         A rule for them with the loaded gain would keep it",
        shortened(&names)
    ))
}

/// Names of which the same is to be said, in the order of the first.
fn together<const N: usize>(
    said: impl Iterator<Item = (String, [String; N])>,
) -> Vec<(Vec<String>, [String; N])> {
    let mut places: HashMap<[String; N], usize> = HashMap::new();
    let mut rows: Vec<(Vec<String>, [String; N])> = Vec::new();
    for (name, cells) in said {
        let place = *places.entry(cells.clone()).or_insert(rows.len());
        match rows.get_mut(place) {
            Some((names, _)) => names.push(name),
            None => rows.push((vec![name], cells)),
        }
    }
    rows
}

fn beside(beside: Beside) -> String {
    match beside {
        Beside::OwnPart => "its own loaded part".to_owned(),
        Beside::SameRole { tensors } => format!("the median of {tensors} loaded of its role"),
        Beside::Matrices { tensors } => format!("the median of {tensors} loaded matrices"),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fits => "fits",
        Verdict::Smaller => "smaller",
        Verdict::Larger => "larger",
        Verdict::StartsAtZero => "starts at 0",
    }
}
