//! Signs of single values, which tell series apart without their colours.

use maud::{Markup, html};

use super::place;

/// The sign of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A filled disc.
    Disc,
    /// A hollow diamond.
    Diamond,
    /// A filled square.
    Square,
    /// A filled triangle that points up.
    Up,
    /// A filled triangle that points down.
    Down,
    /// Two crossed strokes.
    Cross,
}

impl Marker {
    /// It at a place of a drawing.
    pub(crate) fn at(self, x: f64, y: f64) -> Markup {
        let path = |up: f64, shape: &str| format!("M{x} {}{shape}", place(y - up));
        let (class, outline) = match self {
            Marker::Disc => return html! { circle.dot cx=(x) cy=(y) r="3.2" {} },
            Marker::Diamond => ("diamond", path(4.2, "l4.2 4.2-4.2 4.2-4.2-4.2z")),
            Marker::Square => ("dot", path(3.0, "h3v6h-6v-6z")),
            Marker::Up => ("dot", path(4.0, "l4 7h-8z")),
            Marker::Down => ("dot", path(-4.0, "l4-7h-8z")),
            Marker::Cross => ("cross", path(0.0, "m-3.500-3.500l7 7m0-7l-7 7")),
        };
        html! { path class=(class) d=(outline) {} }
    }
}
