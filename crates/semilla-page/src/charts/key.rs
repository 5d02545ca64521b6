//! Keys of charts.

use maud::{Markup, html};

use super::Shape;

/// The sign of a series, as it is drawn, to stand before its name.
pub fn key(class: &str, shape: Shape) -> Markup {
    html! {
        svg class={ "key " (class) } viewBox="0 0 24 12" aria-hidden="true" {
            @match shape {
                Shape::Line => path.line d="M0 6H24" {},
                Shape::Broad => path.broad d="M0 6H24" {},
                Shape::Marks(marker) => (marker.at(12.0, 6.0)),
                Shape::Both(marker) => {
                    path.line d="M0 6H24" {}
                    (marker.at(12.0, 6.0))
                },
            }
        }
    }
}
