//! Smooth functions of f32 without branches, so that loops over them use whole registers.
//!
//! Errors are a few units in the last place. NaN stays NaN.

/// `value` brought between two bounds.
fn within(value: f32, low: f32, high: f32) -> f32 {
    let raised = if value < low { low } else { value };
    if raised > high { high } else { raised }
}

/// A polynomial by Horner's scheme, the highest coefficient first.
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    // A fold that takes the array is not unrolled, which keeps loops around it from whole registers.
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = sum * x + coefficient;
    }
    sum
}

/// e to a power: 2 to the nearest whole number times the rest (Cody & Waite 1980, chapter 6), with
/// the polynomial of Cephes's `expf` (Moshier 1992). Powers below the normal numbers are 0: masked
/// attention would make one for each word that is not seen, and they take a CPU a hundred times as
/// long as others.
#[inline]
pub(crate) fn exp(x: f32) -> f32 {
    /// The power of the least normal number.
    const LEAST: f32 = -87.336_54;
    // Added to it, a number is rounded to a whole one, which its low bits hold.
    const MAGIC: f32 = 12_582_912.0;
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let is_below = x < LEAST;
    let x = within(x, LEAST, 89.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let whole = shifted - MAGIC;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    let tail = polynomial(
        rest,
        [
            1.987_569_1e-4,
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            0.5,
        ],
    );
    let near = tail * rest * rest + rest + 1.0;
    // In two factors, since one alone may be beyond the range.
    let power = shifted.to_bits().wrapping_sub(MAGIC.to_bits()) as i32;
    let half = power >> 1;
    let two_to = |power: i32| f32::from_bits((power.wrapping_add(127) as u32) << 23);
    let power = near * two_to(half) * two_to(power.wrapping_sub(half));
    if is_below { 0.0 } else { power }
}

/// The hyperbolic tangent, as a quotient of two polynomials (the coefficients of Eigen's).
#[inline]
pub(crate) fn tanh(x: f32) -> f32 {
    let x = within(x, -7.905_311, 7.905_311);
    let square = x * x;
    let above = polynomial(
        square,
        [
            -2.760_768_6e-16,
            2.000_188e-13,
            -8.604_672e-11,
            5.122_297_1e-8,
            1.485_722_4e-5,
            6.372_619_3e-4,
            4.893_524_6e-3,
        ],
    );
    let below = polynomial(
        square,
        [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3],
    );
    x * above / below
}

/// The error function, as a quotient of two polynomials (the coefficients of Eigen's).
#[inline]
pub(crate) fn erf(x: f32) -> f32 {
    let x = within(x, -4.0, 4.0);
    let square = x * x;
    let above = polynomial(
        square,
        [
            -2.726_142_4e-10,
            2.770_681_4e-8,
            -2.101_024e-6,
            -5.692_506_4e-5,
            -7.349_906_5e-4,
            -2.954_6e-3,
            -1.609_603_3e-2,
        ],
    );
    let below = polynomial(
        square,
        [
            -1.456_607_2e-5,
            -2.133_740_6e-4,
            -1.682_827e-3,
            -7.373_329e-3,
            -1.426_473_9e-2,
        ],
    );
    x * above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest error relative to the exact value, over numbers between two bounds.
    fn error(f: fn(f32) -> f32, exact: fn(f64) -> f64, low: f32, high: f32) -> f64 {
        let at = |i: i32| low + (high - low) * (i as f32 / 100_000.0);
        let error = |x: f32| {
            let exact = exact(f64::from(x));
            (f64::from(f(x)) - exact).abs() / exact.abs().max(f64::from(f32::MIN_POSITIVE))
        };
        (0..=100_000).map(|i| error(at(i))).fold(0.0, f64::max)
    }

    #[test]
    fn errors_are_a_few_units_in_the_last_place() {
        let unit = f64::from(f32::EPSILON);
        let exp_error = error(exp, libm::exp, -87.0, 88.7);
        assert!(exp_error < 2.0 * unit, "{exp_error}");
        for (low, high) in [(-12.0, 12.0), (-0.1, 0.1), (1e-6, 1e-5)] {
            let tanh_error = error(tanh, libm::tanh, low, high);
            assert!(tanh_error < 6.0 * unit, "{tanh_error}");
            let erf_error = error(erf, libm::erf, low, high);
            assert!(erf_error < 6.0 * unit, "{erf_error}");
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(
            (exp(-200.0), exp(200.0), exp(0.0)),
            (0.0, f32::INFINITY, 1.0)
        );
        assert_eq!(
            (exp(f32::NEG_INFINITY), exp(f32::INFINITY)),
            (0.0, f32::INFINITY)
        );
        assert_eq!((tanh(0.0), erf(0.0)), (0.0, 0.0));
        assert!(
            (tanh(f32::INFINITY) - 1.0).abs() < 1e-6 && (erf(f32::INFINITY) - 1.0).abs() < 1e-6
        );
        assert!([exp, tanh, erf].iter().all(|f| f(f32::NAN).is_nan()));
    }
}
