//! Looks that tell many series apart: a colour, a dash and a marker for each.

use super::Marker;

/// How a series among many looks. After twelve, looks come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The class that gives it its colour and its dash.
    pub class: &'static str,
    /// The sign of its values.
    pub marker: Marker,
}

/// The look of the series with this number, counted from 0.
///
/// ```
/// use semilla_page::charts::look;
///
/// assert_ne!(look(0).class, look(1).class);
/// assert_ne!(look(0).marker, look(1).marker);
/// assert_eq!(look(0), look(12));
/// ```
pub fn look(number: usize) -> Look {
    const CLASSES: [&str; 12] = [
        "arm a0", "arm a1", "arm a2", "arm a3", "arm a4", "arm a5", "arm a6", "arm a7", "arm a8",
        "arm a9", "arm a10", "arm a11",
    ];
    const MARKERS: [Marker; 5] = [
        Marker::Disc,
        Marker::Square,
        Marker::Diamond,
        Marker::Up,
        Marker::Down,
    ];
    Look {
        class: CLASSES[number % CLASSES.len()],
        marker: MARKERS[number % CLASSES.len() % MARKERS.len()],
    }
}
