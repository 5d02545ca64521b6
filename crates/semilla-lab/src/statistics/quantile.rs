//! Quantiles of scores that may be infinite.

/// The quantile of scores: of `p = 0.5`, the median. Between two scores it lies on the line through
/// them (Hyndman & Fan 1996, definition 7); where that line has an infinite end, it is that end.
/// `None` of no scores.
///
/// ```
/// use semilla_lab::statistics::quantile;
///
/// assert_eq!(quantile(&[1.0, 4.0, 2.0, 3.0], 0.25), Some(1.75));
/// assert_eq!(quantile(&[1.0, f64::NEG_INFINITY], 0.5), Some(f64::NEG_INFINITY));
/// ```
pub fn quantile(scores: &[f64], p: f64) -> Option<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = p.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place as usize], sorted[place.ceil() as usize]);
    let part = place.fract();
    Some(
        match (
            part == 0.0 || below == above,
            below.is_finite(),
            above.is_finite(),
        ) {
            (true, ..) => below,
            (_, true, true) => below + part * (above - below),
            (_, false, _) => below,
            (_, true, false) => above,
        },
    )
}

/// The median; `None` of no scores.
pub fn median(scores: &[f64]) -> Option<f64> {
    quantile(scores, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_ranks_below_all() {
        let worst = f64::NEG_INFINITY;
        let scores = [0.9, worst, 0.8, 0.7, worst];
        assert_eq!(median(&scores), Some(0.7));
        assert_eq!(quantile(&scores, 0.25), Some(worst));
        assert_eq!(quantile(&scores, 1.0), Some(0.9));
        assert_eq!(median(&[worst, worst]), Some(worst));
        assert_eq!(median(&[]), None);
    }
}
