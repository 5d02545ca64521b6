//! What a page says first.

use maud::{Markup, html};

use crate::text::Text;

/// A verdict in a word and a sentence, and what else is to be said. `sign` is an outline within
/// 24 × 24.
pub fn verdict(class: &str, sign: &str, word: &Text, sentence: &Text, others: &[Text]) -> Markup {
    html! {
        section class={ "verdict " (class) } {
            svg viewBox="0 0 24 24" aria-hidden="true" {
                circle cx="12" cy="12" r="11" {}
                path transform="translate(3.6 3.6) scale(.7)" d=(sign) {}
            }
            div {
                p.word { (word) }
                p.sentence { (sentence) }
                @if !others.is_empty() {
                    ul { @for other in others { li { (other) } } }
                }
            }
        }
    }
}
