//! P(A > B).

/// The probability that a run of one arm does better than one of the other, half of it where they
/// do equally: the pairs of runs in which it does, of all pairs (Mann & Whitney 1947; Bouthillier
/// et al. 2021, section 4, recommend it for comparing methods). `None` where an arm has no runs.
///
/// ```
/// use semilla_lab::statistics::superiority;
///
/// assert_eq!(superiority(&[0.9, 0.8], &[0.85, 0.8]), Some(0.625));
/// ```
pub fn superiority(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let mut wins = 0.0;
    for x in a {
        for y in b {
            wins += match x.total_cmp(y) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    Some(wins / (a.len() * b.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_loses_to_all_but_divergence() {
        let worst = f64::NEG_INFINITY;
        assert_eq!(superiority(&[worst, 0.5], &[worst, worst]), Some(0.75));
        assert_eq!(superiority(&[1.0, 2.0], &[0.0]), Some(1.0));
        assert_eq!(superiority(&[], &[0.0]), None);
    }
}
