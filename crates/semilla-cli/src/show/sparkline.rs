//! Small plots of one line of text.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values as bars from the least to the greatest; × where there is none.
pub(crate) fn sparkline(values: impl IntoIterator<Item = Option<f64>>) -> String {
    let values: Vec<Option<f64>> = values.into_iter().collect();
    let finite = || {
        values
            .iter()
            .copied()
            .flatten()
            .filter(|value| value.is_finite())
    };
    let least = finite().fold(f64::INFINITY, f64::min);
    let most = finite().fold(f64::NEG_INFINITY, f64::max);
    scaled(values, least, most)
}

/// The same between given ends, so that several lines compare.
pub(crate) fn scaled(
    values: impl IntoIterator<Item = Option<f64>>,
    least: f64,
    most: f64,
) -> String {
    let bar = |value: Option<f64>| match value {
        Some(value) if value.is_finite() => {
            let part = ((value - least) / (most - least)).clamp(0.0, 1.0);
            let part = if part.is_nan() { 0.0 } else { part };
            BARS[(part * 7.0).round() as usize]
        }
        _ => '×',
    };
    values.into_iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        let line = sparkline([Some(0.0), Some(0.5), Some(1.0), None, Some(f64::NAN)]);
        assert_eq!(line, "▁▅█××");
        assert_eq!(sparkline([Some(2.0), Some(2.0)]), "▁▁");
        assert_eq!(scaled([Some(-1.0), Some(9.0)], 0.0, 1.0), "▁█");
        assert_eq!(sparkline([]), "");
    }
}
