//! Numbers in messages and tables.

use std::fmt;

/// Five significant digits, without trailing zeros.
///
/// ```
/// use semilla::number::rounded;
///
/// assert_eq!(rounded(0.05050), "0.0505");
/// assert_eq!(rounded(2f64.sqrt()), "1.4142");
/// assert_eq!(rounded(1e-9), "1.0000e-9");
/// ```
pub fn rounded(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-5..7).contains(&exponent) {
        return format!("{value:.4e}");
    }
    let text = format!("{value:.*}", (4 - exponent).max(0) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// An integer with its digits in groups of three.
///
/// ```
/// assert_eq!(semilla::number::grouped(1_234_567), "1,234,567");
/// ```
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Shows all digits that tell the number from its neighbours, with an exponent where the plain
/// form would be padded with zeros: `1e300` instead of 301 digits.
pub(crate) struct Short(pub(crate) f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) || !magnitude.is_finite() {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = |value: f64| Short(value).to_string();
        assert_eq!(shown(0.02), "0.02");
        assert_eq!(shown(1e-5), "1e-5");
        assert_eq!(shown(-3.0), "-3");
        assert_eq!(shown(1e300), "1e300");
        assert_eq!(shown(f64::MIN_POSITIVE), "2.2250738585072014e-308");
        assert_eq!(shown(f64::NEG_INFINITY), "-inf");
        assert_eq!(rounded(0.02 / 24f64.sqrt()), "0.0040825");
        assert_eq!(rounded(0.0), "0");
        assert_eq!(rounded(100.0), "100");
        assert_eq!(rounded(-1234567.0), "-1234567");
        assert_eq!(rounded(1e300), "1.0000e300");
    }
}
