//! The standard normal distribution: density, distribution function and quantiles, in `f64`.
//!
//! For scalar parameters (truncation points, corrections of a standard deviation, statistical
//! tests), not for weights: those come from the stream's own arithmetic. Everything here rests on
//! IEEE operations and the portable `libm`, so the results do not depend on the machine.

/// `1 / √2π`.
const INV_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
/// The part of `1 / √2` that `f64` drops.
const FRAC_1_SQRT_2_LOW: f64 = -4.833_646_656_726_457e-17;

/// The density `φ(x) = exp(-x²/2) / √2π`, to a few units in the last place for every `x`.
pub fn pdf(x: f64) -> f64 {
    let square = x * x;
    if square > 1500.0 {
        return 0.0;
    }
    // exp magnifies the rounding of x² by x²: put back what the product dropped.
    let dropped = x.mul_add(x, -square);
    INV_SQRT_2PI * libm::exp(-0.5 * square) * (1.0 - 0.5 * dropped)
}

/// The distribution function `Φ(x) = P(Z ≤ x)`, with full relative accuracy in the lower tail.
///
/// The upper tail `P(Z > x)` is `cdf(-x)`, never `1 - cdf(x)`.
pub fn cdf(x: f64) -> f64 {
    let t = -x * std::f64::consts::FRAC_1_SQRT_2;
    let tail = 0.5 * libm::erfc(t);
    if !(tail > 0.0 && tail < 0.5) {
        return tail;
    }
    // In the tail the rounding of x/√2 is magnified by x²: correct it to first order.
    let dropped = (-x).mul_add(std::f64::consts::FRAC_1_SQRT_2, -t) - x * FRAC_1_SQRT_2_LOW;
    tail - dropped * std::f64::consts::SQRT_2 * pdf(x)
}

/// The quantile `Φ⁻¹(p)`: infinite at 0 and 1, NaN outside of them.
///
/// Newton's steps on `ln Φ`, which is concave: from a start below the quantile they only approach.
///
/// ```
/// assert!((semilla::gaussian::quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-14);
/// ```
pub fn quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -quantile(1.0 - p);
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    // Φ(-t) ≤ exp(-t²/2) / 2, so that this start is below.
    let mut x = -libm::sqrt(-2.0 * libm::log(2.0 * p));
    for _ in 0..64 {
        let tail = cdf(x);
        let step = libm::log(p / tail) * tail / pdf(x);
        if !step.is_finite() || step.abs() <= 1e-16 * x.abs() {
            break;
        }
        x += step;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(got: f64, want: f64, relative: f64) {
        assert!(
            (got - want).abs() <= relative * want.abs(),
            "{got:e} is not {want:e}"
        );
    }

    /// `(x, Φ(x), φ(x))` from 40-digit arithmetic.
    const VALUES: [(f64, f64, f64); 9] = [
        (0.0, 0.5, 0.398_942_280_401_432_7),
        (0.5, 0.691_462_461_274_013_1, 0.352_065_326_764_299_5),
        (-1.0, 0.158_655_253_931_457_05, 0.241_970_724_519_143_35),
        (2.0, 0.977_249_868_051_820_8, 0.053_990_966_513_188_05),
        (-3.5, 2.326_290_790_355_250_4e-4, 8.726_826_950_457_601e-4),
        (-8.0, 6.220_960_574_271_784e-16, 5.052_271_083_536_893e-15),
        (
            -20.0,
            2.753_624_118_606_233_7e-89,
            5.520_948_362_159_763e-88,
        ),
        (
            -37.0,
            5.725_571_222_524_577e-300,
            2.120_006_551_524_605_6e-298,
        ),
        (6.0, 0.999_999_999_013_412_4, 6.075_882_849_823_285e-9),
    ];

    #[test]
    fn density_and_distribution_keep_full_relative_accuracy() {
        for (x, p, density) in VALUES {
            assert_close(cdf(x), p, 1.5e-15);
            assert_close(pdf(x), density, 1e-15);
            assert_eq!(pdf(-x).to_bits(), pdf(x).to_bits());
        }
    }

    #[test]
    fn quantiles_undo_the_distribution_function() {
        for (x, p, _) in VALUES.into_iter().filter(|(x, ..)| *x <= 0.0) {
            assert!((quantile(p) - x).abs() <= 2e-15 * x.abs().max(1.0), "{x}");
        }
        assert_close(quantile(0.975), 1.959_963_984_540_054_2, 1e-15);
        assert_eq!(quantile(0.25), -quantile(0.75));
        assert_eq!(
            (quantile(0.0), quantile(1.0)),
            (f64::NEG_INFINITY, f64::INFINITY)
        );
        assert!(quantile(-0.1).is_nan() && quantile(1.1).is_nan() && quantile(f64::NAN).is_nan());
    }

    #[test]
    fn limits_and_impossible_arguments() {
        assert_eq!((cdf(f64::NEG_INFINITY), cdf(f64::INFINITY)), (0.0, 1.0));
        assert_eq!((pdf(f64::NEG_INFINITY), pdf(1e200)), (0.0, 0.0));
        assert!(cdf(f64::NAN).is_nan() && pdf(f64::NAN).is_nan());
    }
}
