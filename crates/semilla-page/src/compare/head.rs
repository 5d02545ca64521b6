//! The verdict in one sentence, and what was compared.

use maud::{Markup, html};

use super::view::View;
use crate::text::compare as text;

/// The head of the page.
pub(super) fn head(view: View<'_>) -> Markup {
    let comparison = view.comparison;
    let verdict = &comparison.verdict;
    let is_found = !verdict.beaten.is_empty();
    let (class, word) = match is_found {
        true => ("good", text::EVIDENCE),
        false => ("plain", text::NO_EVIDENCE),
    };
    let sign = match is_found {
        true => "M4 12.5l5.500 5.500L20 7",
        false => "M5 9h14M5 15h14",
    };
    html! {
        h1 { "semilla compare " span.name { (text::short(&comparison.protocol.trial.model)) } }
        section class={ "verdict " (class) } {
            svg viewBox="0 0 24 24" aria-hidden="true" {
                circle cx="12" cy="12" r="11" {}
                path transform="translate(3.6 3.6) scale(.7)" d=(sign) {}
            }
            div {
                p.word { (word) }
                p.sentence { (text::verdict(comparison)) }
                @if !verdict.caveats.is_empty() {
                    ul {
                        @for caveat in &verdict.caveats { li { (text::caveat(caveat, comparison)) } }
                    }
                }
            }
        }
        dl.facts {
            div { dt { (text::DATA) } dd { (comparison.data.name) } }
            div { dt { (text::STARTS) } dd.n { (comparison.arms.len()) } }
            div { dt { (text::SEEDS) } dd.n { (comparison.protocol.finals.len()) } }
            div {
                dt { (text::TRAINED) }
                dd {
                    (text::cost(
                        comparison.cost.trials, comparison.cost.steps, comparison.cost.samples,
                    ))
                }
            }
        }
    }
}
