//! Weights, and where they may come from.

use std::hash::Hash;

use semilla::inspect::{Match, Summary};
use semilla_checkpoint::ops::{Inspected, Inspection, LEAST_SAMPLE};

use crate::failure::Failure;
use crate::show::figures::{rough, shape, short};
use crate::show::fold::{lines, ranges};
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints the tensors, those that look alike on one line unless `full`, and what was noticed.
pub(crate) fn print(report: &Inspection, full: bool, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "tensor",
        "shape",
        "dtype",
        "mean",
        "std",
        "min",
        "max",
        "kurtosis",
        "zeros",
        "non-finite",
        "consistent with",
    ]);
    let mut same = Vec::new();
    let mut folds = false;
    for line in lines(&report.tensors, full, |one| &one.name, alike) {
        table.row(cells(line.label(), &line.of(&report.tensors)));
        folds |= line.members.len() > 1;
    }
    if !full {
        same = table.drop_same(&["dtype", "zeros", "non-finite"]);
        same.retain(|(_, cell)| !cell.is_empty());
        table.spare(&["kurtosis", "mean", "zeros"]);
    }
    output.table(&table)?;
    output.same(&same)?;
    print_legend(report, folds, output)?;
    for remark in &report.remarks {
        output.line(format_args!("{remark}"))?;
    }
    for group in &report.equal {
        output.line(format_args!("equal: {}", ranges(group).join(", ")))?;
    }
    print_summary(report, output)
}

/// What a tensor must share with those on its line.
fn alike(one: &Inspected) -> impl Eq + Hash {
    let law = one.consistent_with.as_ref().map(|found| &found.name);
    // A damaged tensor does not hide among others.
    let is_finite = one.summary.non_finite == 0;
    (one.role, &one.shape, one.dtype, law, is_finite)
}

/// The row of one tensor, or of several that look alike.
fn cells(name: String, members: &[&Inspected]) -> [String; 11] {
    let first = members[0];
    let all = |figure: fn(&Summary) -> f64| members.iter().map(move |one| figure(&one.summary));
    let share = |count: fn(&Summary) -> u64| {
        let shares = members.iter().map(|one| {
            let of = one.summary.count.max(1) as f64;
            100.0 * count(&one.summary) as f64 / of
        });
        let most = shares.fold(0.0, f64::max);
        match most {
            0.0 => String::new(),
            most if most < 0.005 => "<0.01%".to_owned(),
            most => format!("{most:.2}%"),
        }
    };
    let std = match members {
        [one] => short(one.summary.std),
        many => span(many.iter().map(|one| one.summary.std)),
    };
    [
        name,
        shape(&first.shape),
        first.dtype.to_string(),
        short(all(|s| s.mean).fold(0.0, farthest)),
        std,
        short(all(|s| s.min).fold(f64::INFINITY, f64::min)),
        short(all(|s| s.max).fold(f64::NEG_INFINITY, f64::max)),
        short(all(|s| s.kurtosis).fold(0.0, farthest)),
        share(|s| s.zeros),
        share(|s| s.non_finite),
        law(members),
    ]
}

fn farthest(most: f64, value: f64) -> f64 {
    match value.abs() > most.abs() || value.is_nan() {
        true => value,
        false => most,
    }
}

/// The least and the greatest in two digits, or one where they read the same.
fn span(values: impl Iterator<Item = f64> + Clone) -> String {
    let least = rough(values.clone().fold(f64::INFINITY, f64::min));
    let greatest = rough(values.fold(f64::NEG_INFINITY, f64::max));
    match least == greatest {
        true => least,
        false => format!("{least}..{greatest}"),
    }
}

/// Stands for tensors that fit no initializer.
const NONE: &str = "-";

fn law(members: &[&Inspected]) -> String {
    let Some(Match { name, .. }) = &members[0].consistent_with else {
        return NONE.to_owned();
    };
    let found = members
        .iter()
        .filter_map(|one| one.consistent_with.as_ref());
    let least = found.filter_map(|found| found.p).reduce(f64::min);
    match (least, members.len()) {
        (None, _) => name.clone(),
        (Some(p), 1) => format!("{name}, p={}", rough(p)),
        (Some(p), _) => format!("{name}, p≥{}", rough(p)),
    }
}

fn print_legend(report: &Inspection, folds: bool, output: &mut Output) -> Result<(), Failure> {
    if folds {
        output.line(format_args!(
            "×n: n tensors alike; of mean, kurtosis and zeros the one farthest from 0 \
             (--full lists each)"
        ))?;
    }
    if report
        .tensors
        .iter()
        .any(|one| one.consistent_with.is_none())
    {
        output.line(format_args!(
            "{NONE}: no known initializer; trained, or made some other way"
        ))?;
    }
    Ok(())
}

fn print_summary(report: &Inspection, output: &mut Output) -> Result<(), Failure> {
    let telling = report.tensors.iter().filter(|one| one.is_telling());
    let fresh = telling.clone().filter(|one| one.consistent_with.is_some());
    output.line(format_args!(
        "{} tensors; of {} that are not constant and have {LEAST_SAMPLE} elements or more, \
         {} look never trained",
        report.tensors.len(),
        telling.count(),
        fresh.count(),
    ))
}
