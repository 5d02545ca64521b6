//! Names of tensors.

use maud::{Markup, html};

/// A name that may go on in the next line after each of its dots.
pub(crate) fn breakable(name: &str) -> Markup {
    html! {
        @for (place, part) in name.split('.').enumerate() {
            @if place > 0 { "." wbr; }
            (part)
        }
    }
}
