//! Numbers for people.

/// Five significant digits, without trailing zeros.
///
/// ```
/// use semilla_checkpoint::ops::number;
///
/// assert_eq!(number(0.05050), "0.0505");
/// assert_eq!(number(2_f64.sqrt()), "1.4142");
/// assert_eq!(number(1e-9), "1.0000e-9");
/// ```
pub fn number(value: f64) -> String {
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
/// assert_eq!(semilla_checkpoint::ops::grouped_digits(1_234_567), "1,234,567");
/// ```
pub fn grouped_digits(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
