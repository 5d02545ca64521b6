//! The page, put together.

use maud::html;
use semilla_lab::Comparison;

use super::view::View;
use super::{curves, export, head, layers, method, pairs, rates, results, theory};
use crate::shell::Document;
use crate::text::compare as text;

/// The page of a comparison, as one HTML file.
pub fn page(comparison: &Comparison) -> String {
    let view = View { comparison };
    let main = html! {
        (head::head(view))
        (results::results(view))
        (curves::curves(view))
        (rates::rates(view))
        (pairs::pairs(view))
        (layers::layers(view))
        (theory::theory(view))
        (method::method(view))
        (export::export(view))
    };
    let document = Document {
        title: text::title(comparison),
        main,
        live: None,
    };
    document.html()
}
