//! All numbers, as files that the page itself makes.

use maud::{Markup, PreEscaped, html};

use super::shown::shown;
use super::view::View;
use crate::text::compare as text;

/// The section.
pub(super) fn export(view: View<'_>) -> Markup {
    let data = serde_json::to_string(&shown(view)).unwrap_or_default();
    html! {
        section {
            h2 { (text::EXPORT) }
            p.lead { (text::EXPORT_WHAT) }
            p.saves {
                button type="button" data-save="data" data-name="comparison.json" {
                    (text::SAVE_JSON)
                }
                button type="button" data-rows="data" data-name="trainings.csv" {
                    (text::SAVE_RUNS)
                }
            }
            // A closing tag within a text would end the element; in JSON, < may be written like so.
            script type="application/json" id="data" {
                (PreEscaped(data.replace('<', "\\u003c")))
            }
        }
    }
}
