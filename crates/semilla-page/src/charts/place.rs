//! Coordinates.

/// A coordinate: whole tenths are finer than any screen.
pub(crate) fn place(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
