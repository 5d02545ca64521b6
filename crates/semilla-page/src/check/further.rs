//! What was asked for besides: the first step, singular values, likely mistakes.

use maud::{Markup, html};
use semilla::lint::{Finding, Severity};
use semilla_signal::theory::Prediction;
use semilla_signal::{FirstStep, Spectra};

use crate::text::{self, Text};

/// The loss at the start, and what one step does to it. What it does to each layer stands with the
/// layer.
pub(super) fn first_step(step: &FirstStep) -> Markup {
    html! {
        section id="first-step" {
            h2 { (text::FIRST_STEP) }
            p.lead { (text::first_loss(step)) }
            p { (text::first_change(step)) }
            @for finding in step.findings() { p { (text::step_finding(&finding)) } }
        }
    }
}

/// The Jacobian and the tangent kernel, measured and expected. Those of layers stand with them.
pub(super) fn spectra(found: &Spectra, prediction: Option<&Prediction>) -> Markup {
    let isometry = prediction.and_then(|known| known.isometry);
    let tangent = prediction.and_then(|known| known.tangent);
    let mut rows: Vec<(Text, f64, Option<f64>)> = Vec::new();
    if let Some(jacobian) = &found.jacobian {
        rows.extend([
            (
                text::MEAN_SQUARE,
                jacobian.mean_square,
                isometry.map(|known| known.mean_square),
            ),
            (
                text::SPREAD_OF_SQUARES,
                jacobian.spread,
                isometry.and_then(|known| known.spread),
            ),
            (text::LARGEST, jacobian.largest, None),
            (text::SMALLEST, jacobian.smallest, None),
        ]);
    }
    if let Some(kernel) = &found.kernel {
        rows.extend([
            (
                text::CONDITION,
                kernel.condition.unwrap_or(f64::INFINITY),
                tangent.and_then(|known| known.condition),
            ),
            (
                text::KERNEL_RANK,
                kernel.effective_rank,
                tangent.map(|known| known.effective_rank),
            ),
        ]);
    }
    html! {
        section id="spectra" {
            h2 { (text::SINGULAR_VALUES) }
            p.lead { (text::SINGULAR_VALUES_WHAT) }
            div.scroll tabindex="0" role="region" aria-labelledby="spectra-name" {
                table {
                    caption.unseen id="spectra-name" { (text::SINGULAR_VALUES) }
                    thead {
                        tr {
                            th scope="col" { (text::NUMBERS) }
                            th scope="col" { (text::MEASURED) }
                            th scope="col" { (text::PREDICTED) }
                        }
                    }
                    tbody {
                        @for (name, measured, predicted) in rows {
                            tr {
                                th scope="row" { (name) }
                                td.n { (text::figure(measured)) }
                                td.n { (predicted.map_or(String::new(), text::figure)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The likely mistakes of the plan.
pub(super) fn mistakes(findings: &[Finding]) -> Markup {
    html! {
        section id="mistakes" {
            h2 { (text::MISTAKES) }
            ul {
                @for finding in findings {
                    li {
                        (match finding.severity {
                            Severity::Warning => text::WARNING,
                            Severity::Note => text::NOTE,
                        })
                        " "
                        @if let Some(tensor) = finding.tensors.first() {
                            span.name { (text::breakable(tensor)) }
                            @if finding.tensors.len() > 1 { " (+" (finding.tensors.len() - 1) ")" }
                            ": "
                        }
                        span.always lang="en" { (finding.reason) ". " (finding.remedy) "." }
                        " " code { (finding.rule) }
                    }
                }
            }
        }
    }
}
