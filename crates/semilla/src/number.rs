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

/// A factor in the two digits that matter: `2.5`, `3,600`, `1.4e22`.
///
/// ```
/// use semilla::number::rough;
/// let texts = [2.5123, 3617.0, 1.42e22, 0.0316, 6.71e-16].map(rough);
/// assert_eq!(texts, ["2.5", "3,600", "1.4e22", "0.032", "6.7e-16"]);
/// ```
pub fn rough(factor: f64) -> String {
    let two: f64 = format!("{factor:.1e}").parse().unwrap_or(factor);
    match two {
        _ if two >= 1e6 || (two != 0.0 && two.abs() < 1e-5) => format!("{two:e}"),
        _ if two >= 1e3 => grouped(two as u64),
        _ => rounded(two),
    }
}

/// How many of something there are.
///
/// ```
/// use semilla::number::counted;
/// assert_eq!(counted(1, "seed", "seeds"), "1 seed");
/// assert_eq!(counted(1200, "step", "steps"), "1,200 steps");
/// ```
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
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
