//! Numbers and shapes for people.

pub(crate) use semilla::number::{counted, grouped as grouped_digits, rounded as number};

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

/// A value in two digits; of several that differ, the least and the greatest.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let ends = values.first().zip(values.last());
    match ends.map(|(&least, &greatest)| (rough(least), rough(greatest))) {
        None => String::new(),
        Some((least, greatest)) if least == greatest => least,
        Some((least, greatest)) => format!("{least}..{greatest}"),
    }
}

/// A shape as text.
pub(crate) fn shape(shape: &[usize]) -> String {
    format!("{shape:?}")
}
