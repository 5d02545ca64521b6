//! Roots of functions of one variable.

use super::error::ExpectationError;

/// How sharply a root is enclosed, relative to itself.
const SHARPNESS: f64 = 2.0 * f64::EPSILON;

/// A root of `f` between `a` and `b`, both above 0, where its values have different signs.
///
/// The ITP method of I. F. D. Oliveira and R. H. C. Takahashi, "An Enhancement of the Bisection
/// Method Average Performance Preserving Minmax Optimality", ACM TOMS 47 (2020): for smooth
/// functions some eight evaluations to the last places, and never many more than bisection.
pub(super) fn root(
    f: impl Fn(f64) -> Result<f64, ExpectationError>,
    a: f64,
    b: f64,
) -> Result<f64, ExpectationError> {
    let (mut low, mut high) = (a.min(b), a.max(b));
    let (mut below, mut above) = (f(low)?, f(high)?);
    let tolerance = SHARPNESS * low;
    // How far from the middle a step may be taken; halved each time, as bisection would.
    let mut leeway = tolerance.max(high - low);
    let bend = 0.2 / (high - low);
    while high - low > 2.0 * tolerance {
        let width = high - low;
        let middle = 0.5 * (low + high);
        let chord = (high * below - low * above) / (below - above);
        let toward = (middle - chord).signum();
        let truncated = if bend * width * width <= (middle - chord).abs() {
            chord + toward * bend * width * width
        } else {
            middle
        };
        let reach = (leeway - 0.5 * width).max(0.0);
        let next = if (truncated - middle).abs() <= reach {
            truncated
        } else {
            middle - toward * reach
        };
        // A step past a root that is already met closes the bracket.
        let next = next.clamp(low + tolerance, high - tolerance);
        let value = f(next)?;
        if value == 0.0 {
            return Ok(next);
        }
        if (value > 0.0) == (above > 0.0) {
            (high, above) = (next, value);
        } else {
            (low, below) = (next, value);
        }
        leeway *= 0.5;
    }
    Ok(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn count(f: impl Fn(f64) -> f64, a: f64, b: f64) -> (f64, u32) {
        let calls = Cell::new(0);
        let counted = |x: f64| {
            calls.set(calls.get() + 1);
            Ok(f(x))
        };
        (root(counted, a, b).unwrap(), calls.get())
    }

    #[test]
    fn smooth_functions_take_few_evaluations() {
        for (a, b) in [(1.0, 1.9), (1.9, 1.0)] {
            let (x, calls) = count(|x| x * x - 2.0, a, b);
            assert!((x - 2f64.sqrt()).abs() <= 4e-16, "{x}");
            assert!(calls <= 14, "{calls}");
        }
        let (x, calls) = count(libm::log, 0.8, 1.3);
        assert!((x - 1.0).abs() <= 1e-15 && calls <= 14, "{x} {calls}");
    }

    #[test]
    fn a_jump_takes_no_more_than_bisection() {
        let (x, calls) = count(|x| if x < 1.1 { -1.0 } else { 1e6 }, 1.0, 2.0);
        assert!((x - 1.1).abs() <= 1e-15 && calls <= 60, "{x} {calls}");
    }
}
