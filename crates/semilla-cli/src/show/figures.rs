//! Numbers and shapes for people.

pub(crate) use semilla::number::{grouped as grouped_digits, rounded as number};

/// Four significant digits, and no more than four decimals.
pub(crate) fn short(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e5).contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    number((value * 1e4).round() / 1e4)
}

/// Two significant digits.
pub(crate) fn rough(value: f64) -> String {
    short(format!("{value:.1e}").parse().unwrap_or(value))
}

/// A shape as text.
pub(crate) fn shape(shape: &[usize]) -> String {
    format!("{shape:?}")
}
