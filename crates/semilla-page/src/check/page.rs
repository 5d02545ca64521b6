//! The page, put together.

use maud::html;

use super::rows::Row;
use super::{Check, further, glossary::glossary, head, layers::layers, signals::signals};
use crate::shell::Document;
use crate::text;

/// The page of a check, as one HTML file.
pub fn page(check: &Check<'_>) -> String {
    let rows = Row::all(check);
    let main = html! {
        (head::head(check))
        @if let Some(remedy) = &check.remedy { (head::remedy(remedy)) }
        (signals(check, &rows))
        (layers(check, &rows))
        @if let Some(step) = check.first_step { (further::first_step(step)) }
        @if let Some(found) = check.spectra { (further::spectra(found, check.prediction)) }
        @if !check.lint.is_empty() { (further::mistakes(check.lint)) }
        (glossary())
    };
    let document = Document {
        title: text::title(check.model, check.report.verdict.passes),
        main,
        live: None,
    };
    document.html()
}
