//! A plan as a table.

use std::hash::Hash;

use semilla::scheme::Rates;
use semilla::{Line, Plan};

use crate::failure::Failure;
use crate::show::figures::{grouped_digits, number, shape};
use crate::show::fold::lines;
use crate::show::output::Output;
use crate::show::scheme;
use crate::show::span::{mask, span};
use crate::show::table::Table;

/// Prints the plan's lines; those that differ only in numbers, of the name and of the values, share
/// a row, unless `full`.
pub(crate) fn print(plan: &Plan, full: bool, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "tensor",
        "shape",
        "dtype",
        "role",
        "initializer",
        "values",
        "scaled by",
        "why",
    ]);
    for row in lines(&plan.tensors, full, |line| &line.name, alike) {
        let lines = row.of(&plan.tensors);
        let line = lines[0];
        let texts = |text: &dyn Fn(&Line) -> String| -> Vec<String> {
            lines.iter().map(|line| text(line)).collect()
        };
        table.row([
            row.label(),
            shape(&line.shape),
            line.dtype.to_string(),
            line.role.name().replace('_', " "),
            line.initializer.name().to_owned(),
            span(&texts(&values)),
            span(&texts(&scales)),
            span(&texts(&|line| reason(line, lines.len() > 1))),
        ]);
    }
    // Names matter more: roles can mostly be read off them.
    table.spare(&["role"]);
    // Most plans scale nothing.
    if plan.tensors.iter().all(|line| scales(line).is_empty()) {
        table.remove("scaled by");
    }
    let same = match full {
        true => Vec::new(),
        false => table.drop_same(&["dtype", "role", "initializer"]),
    };
    output.table(&table)?;
    output.same(&same)?;
    if !plan.is_fitted() {
        let fits = plan
            .tensors
            .iter()
            .filter(|line| line.fit.is_some())
            .count();
        output.line(format_args!(
            "{fits} tensors are to be fitted on data before weights can be made: give --data FILE, \
             or --data noise"
        ))?;
    }
    for stack in &plan.stacks {
        output.line(format_args!("{stack}"))?;
    }
    scheme::print(plan, output)?;
    let elements: u64 = plan.tensors.iter().map(Line::elements).sum();
    let bytes: u64 = plan.tensors.iter().map(bytes).sum();
    output.line(format_args!(
        "{} tensors, {} elements, {} bytes; recipe {}, seed {}",
        plan.tensors.len(),
        grouped_digits(elements),
        grouped_digits(bytes),
        plan.recipe,
        plan.seed,
    ))
}

fn bytes(line: &Line) -> u64 {
    line.elements() * line.dtype.size() as u64
}

/// What a line must share with those on its row.
fn alike(line: &Line) -> impl Eq + Hash {
    // Numbers may differ, such as a depth's factor: a span shows them. Sources' names may not.
    let says = match line.loads().is_empty() {
        true => (mask(&values(line)), mask(&reason(line, true))),
        false => (values(line), reason(line, true)),
    };
    (
        &line.shape,
        line.dtype,
        line.role,
        line.initializer.name(),
        mask(&scales(line)),
        says,
    )
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
}

/// The reason, with the numbers of the tensor's own name as `*` where the row stands for several
/// lines: their sources have the same ones.
fn reason(line: &Line, for_several: bool) -> String {
    let own: Vec<&str> = line
        .name
        .split('.')
        .filter(|part| is_number(part))
        .collect();
    let part = |part| match for_several && own.contains(&part) {
        true => "*",
        false => part,
    };
    why(line).split('.').map(part).collect::<Vec<_>>().join(".")
}

/// The concrete numbers of a line, or what a checkpoint gives to it.
fn values(line: &Line) -> String {
    if line.loads().is_empty() {
        return line.values();
    }
    let rest = line.load().and_then(|load| load.rest.as_deref());
    let rest = rest.map(|rest| format!("; rest {rest}"));
    line.disposition.to_string() + &rest.unwrap_or_default()
}

/// What the scheme multiplies besides: the layer's output, its learning rate.
fn scales(line: &Line) -> String {
    let factor = |what: &str, factor: f64| match factor == 1.0 {
        true => String::new(),
        false => format!("{what} × {}", number(factor)),
    };
    let lr = line.lr.unwrap_or(Rates {
        adam: 1.0,
        sgd: 1.0,
    });
    let mut parts = vec![
        factor("output", line.multiplier.unwrap_or(1.0)),
        factor("Adam's rate", lr.adam),
        factor("SGD's rate", lr.sgd),
    ];
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// The reason, with the fans and the gain in a plain stack.
fn why(line: &Line) -> String {
    let mut parts = vec![line.reason.clone()];
    if let Some(fit) = line.fit {
        parts.push(format!("to be fitted: {fit}"));
    }
    if let Some(fans) = line.fans {
        parts.push(format!(
            "fans {}/{}",
            number(fans.fan_in),
            number(fans.fan_out)
        ));
    }
    if let Some(signal) = line.signal {
        parts.push(format!(
            "gain {} before {}",
            number(signal.gain),
            signal.activation
        ));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}
