//! The verdict in one sentence, and what was compared.

use maud::{Markup, html};

use super::view::View;
use crate::shell;
use crate::text::{Text, compare as text};

/// The head of the page.
pub(super) fn head(view: View<'_>) -> Markup {
    let comparison = view.comparison;
    let verdict = &comparison.verdict;
    let is_told = comparison.pairs.iter().any(|pair| pair.is_different);
    let (class, word, sign) = match is_told {
        true => ("good", text::EVIDENCE, "M4 12.5l5.500 5.500L20 7"),
        false => ("plain", text::NO_EVIDENCE, "M5 9h14M5 15h14"),
    };
    let caveats = verdict.caveats.iter();
    let caveats: Vec<Text> = caveats
        .map(|caveat| text::caveat(caveat, comparison))
        .collect();
    html! {
        h1 { "semilla compare " span.name { (text::short(&comparison.protocol.trial.model)) } }
        (shell::verdict(class, sign, &word, &text::verdict(comparison), &caveats))
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
