//! Which first weights suit a model.

use std::path::Path;

use semilla_signal::{Outcome, Ranked, Recommendation};

use crate::failure::Failure;
use crate::show::figures::rough;
use crate::show::output::Output;
use crate::show::table::Table;

/// Prints the advice, the candidates from the best to the worst, and the recipe; or where that of a
/// model was written.
pub(crate) fn print(
    found: &Recommendation,
    written: Option<(&str, &Path)>,
    output: &mut Output,
) -> Result<(), Failure> {
    output.line(format_args!("{}", found.sentence))?;
    if let Some(advice) = &found.advice {
        output.line(format_args!("note: {advice}"))?;
    }
    let mut table = Table::new(HEADER);
    for ranked in &found.ranked {
        table.row(cells(ranked));
    }
    table.spare(&["theory: gradients"]);
    output.table(&table)?;
    output.line(format_args!(
        "gradients: the squared gradient at the start of the main path over that at its end; apart: \
         the part of what tells samples apart that arrives there; directions: the part of the \
         directions in which samples differ that arrives; lost: all three together, in powers of e."
    ))?;
    match written {
        Some((model, path)) => output.line(format_args!(
            "the recipe is in {0}: semilla init {model} --recipe {0} -o weights.safetensors",
            path.display()
        )),
        None => output.line(format_args!("\n{}", found.recipe.trim_end())),
    }
}

const HEADER: [&str; 8] = [
    "start",
    "verdict",
    "gradients",
    "theory: gradients",
    "apart",
    "directions",
    "lost",
    "option",
];

fn cells(ranked: &Ranked) -> [String; 8] {
    let factor = |log: f64| format!("× {}", rough(log.exp()));
    let expected = ranked
        .expected
        .map(|expected| factor(expected.log_gradients));
    let (verdict, gradients, apart, directions, lost) = match &ranked.outcome {
        Outcome::Measured { verdict } => (
            match (verdict.passes, ranked.is_tied) {
                (true, true) => "best".to_owned(),
                (true, false) => "passes".to_owned(),
                (false, _) => "fails".to_owned(),
            },
            verdict.log_gradients.map(factor),
            verdict.trouble.map(|trouble| rough((-trouble.alike).exp())),
            verdict
                .trouble
                .map(|trouble| rough((-trouble.directions).exp())),
            verdict.trouble.map(|trouble| rough(trouble.total)),
        ),
        Outcome::Hopeless => ("fails by theory".to_owned(), None, None, None, None),
        Outcome::Behind => ("worse by theory".to_owned(), None, None, None, None),
        Outcome::Unfit { why } => (format!("does not fit: {why}"), None, None, None, None),
    };
    [
        ranked.name.clone(),
        verdict,
        gradients.unwrap_or_default(),
        expected.unwrap_or_default(),
        apart.unwrap_or_default(),
        directions.unwrap_or_default(),
        lost.unwrap_or_default(),
        ranked.options.clone().unwrap_or_default(),
    ]
}
