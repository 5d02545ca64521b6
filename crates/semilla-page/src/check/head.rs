//! The head of the page: the verdict, what was run, and what would help.

use maud::{Markup, html};

use super::{Check, Data, Remedy, Weights};
use crate::shell::{self, copied};
use crate::text;

/// The verdict in one sentence, everything else that was found, and what was run.
pub(super) fn head(check: &Check<'_>) -> Markup {
    let verdict = &check.report.verdict;
    let (class, word, sign) = match verdict.passes {
        true => ("good", text::PASSES, "M4 12.5l5.500 5.500L20 7"),
        false => ("bad", text::FAILS, "M6 6l12 12M18 6L6 18"),
    };
    html! {
        h1 { "semilla check " span.name { (check.model) } }
        (shell::verdict(class, sign, &word, &text::verdict(verdict), &text::remarks(verdict)))
        (facts(check))
    }
}

fn facts(check: &Check<'_>) -> Markup {
    let layers = check
        .report
        .measurements
        .first()
        .map_or(0, |run| run.layers.len());
    html! {
        dl.facts {
            div {
                dt { (text::WEIGHTS) }
                dd {
                    @match &check.weights {
                        Weights::Planned { plan, .. } => {
                            (text::RECIPE) " " span.name { (plan.recipe) }
                        }
                        Weights::File(file) => { (text::FROM_FILE) " " span.name { (file) } }
                        Weights::Live => { (text::AS_THEY_ARE) }
                    }
                }
            }
            @if let Weights::Planned { seeds, .. } = &check.weights {
                div { dt { (text::SEEDS) } dd { (text::seeds(seeds)) } }
            }
            div {
                dt { (text::BATCH) }
                dd {
                    @match check.data {
                        Data::Noise => (text::noise(check.samples)),
                        Data::File(file) => (text::samples_of(check.samples, file)),
                        Data::Given => (text::samples(check.samples)),
                    }
                }
            }
            div { dt { (text::LAYERS_COUNT) } dd { (layers) } }
            @if check.report.verdict.depth > 0 {
                div { dt { (text::PATH) } dd { (check.report.verdict.depth) } }
            }
        }
    }
}

/// What would help, with a recipe to copy.
pub(super) fn remedy(remedy: &Remedy<'_>) -> Markup {
    html! {
        section {
            h2 { (text::REMEDY) }
            @for said in [Some(remedy.sentence), remedy.advice].into_iter().flatten() {
                p.lead.always lang="en" { (said) }
            }
            (copied("remedy", remedy.recipe))
        }
    }
}
