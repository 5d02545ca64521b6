//! All numbers, as files that the page itself makes.

use maud::{Markup, PreEscaped, html};
use semilla_lab::{End, Purpose, Run};

use super::method::written;
use super::shown::shown;
use super::view::View;
use crate::shell::saving;
use crate::text::{self as words, compare as text, figure};

/// The section.
pub(super) fn export(view: View<'_>) -> Markup {
    let data = serde_json::to_string(&shown(view)).unwrap_or_default();
    html! {
        section {
            h2 { (text::EXPORT) }
            p.lead { (text::EXPORT_WHAT) }
            p.saves {
                button type="button" data-save="data" data-name="comparison.json" { (text::SAVE_JSON) }
                button type="button" data-csv="runs" data-name="trainings.csv" { (words::SAVE_CSV) }
            }
            // A closing tag within a text would end the element; in JSON, < may be written like so.
            script type="application/json" id="data" { (PreEscaped(data.replace('<', "\\u003c"))) }
            details {
                summary { (text::ALL_RUNS) " (" span.n { (view.comparison.runs.len()) } ")" }
                div.scroll tabindex="0" role="region" aria-labelledby="runs-name" { (runs(view)) }
                (saving("runs"))
            }
        }
    }
}

fn runs(view: View<'_>) -> Markup {
    html! {
        table.layers id="runs" {
            caption.unseen id="runs-name" { (text::ALL_RUNS) }
            thead {
                tr {
                    th scope="col" { (text::START) }
                    th.left scope="col" { (text::PURPOSE) }
                    th scope="col" { (text::RATE) }
                    th scope="col" { (text::SEED) }
                    th.left scope="col" { (text::END) }
                    th scope="col" { (text::LAST_LOSS) }
                    th scope="col" { (text::VALIDATION_LOSS) }
                    th scope="col" { (text::VALIDATION_ACCURACY) }
                    th scope="col" { (text::TEST_LOSS) }
                    th scope="col" { (text::TEST_ACCURACY) }
                }
            }
            tbody { @for run in &view.comparison.runs { (row(view, run)) } }
        }
    }
}

fn row(view: View<'_>, run: &Run) -> Markup {
    let outcome = &run.outcome;
    let validation = outcome.validation();
    let numbers = [
        outcome.curve.last().map(|point| point.loss),
        validation.map(|score| score.loss),
        validation.and_then(|score| score.accuracy),
        outcome.test.map(|score| score.loss),
        outcome.test.and_then(|score| score.accuracy),
    ];
    html! {
        tr {
            th scope="row" { (view.name(run.arm)) }
            td.left { (text::purpose(run.purpose)) }
            td.n data-v=[view.rate(run.rate)] { (view.rate(run.rate).map_or(String::new(), figure)) }
            td { (seeds(view, run)) }
            td.left {
                @match outcome.end {
                    End::Finished => (text::FINISHED),
                    End::Diverged { step } => { (text::DIVERGED_AT) " " (step) },
                }
            }
            @for number in numbers {
                td.n data-v=[number] { (number.map_or(String::new(), figure)) }
            }
        }
    }
}

/// The seeds of weights, order and split.
fn seeds(view: View<'_>, run: &Run) -> String {
    let protocol = &view.comparison.protocol;
    let all = match run.purpose {
        Purpose::Rung | Purpose::Tuning => &protocol.tuning,
        Purpose::Final => &protocol.finals,
        Purpose::Check => &protocol.check,
    };
    all.get(run.seed).map_or(String::new(), written)
}
