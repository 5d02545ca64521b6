//! Numbers as people write them.

/// The shortest text that reads back as the same number, with an exponent where zeros would pile
/// up.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.02, -1.5, 1e-5, 1e300, 784.0, 1e6].map(number);
        assert_eq!(texts, ["0", "0.02", "-1.5", "1e-5", "1e300", "784", "1e6"]);
    }
}
