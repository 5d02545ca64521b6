//! What the words of the page mean.

use maud::{Markup, html};

use crate::text;

/// The section.
pub(super) fn glossary() -> Markup {
    let words = [
        (text::G_PATH, text::G_PATH_IS),
        (text::G_X, text::G_X_IS),
        (text::BETWEEN, text::G_BETWEEN_IS),
        (text::COSINE, text::G_COSINE_IS),
        (text::G_G, text::G_G_IS),
        (text::DEAD, text::G_DEAD_IS),
    ];
    html! {
        section {
            h2 { (text::GLOSSARY) }
            dl.glossary {
                @for (word, meaning) in words {
                    dt { (word) }
                    dd { (meaning) }
                }
            }
        }
    }
}
