//! The standard normal distribution: density, distribution function and its inverse, in `f64`.
//!
//! For scalar parameters (truncation points, corrections of a standard deviation, statistical
//! tests), not for weights: those come from the stream's own arithmetic. Everything here rests on
//! IEEE operations and the portable `libm`, so the results do not depend on the machine.

/// `1 / √2π`.
const INV_SQRT_2PI: f64 = 0.398_942_280_401_432_7;
/// What `f64` drops of `1 / √2`.
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

/// The quantile `Φ⁻¹(p)`: the `x` with `cdf(x) = p`. Accurate to a few units in the last place
/// for `p` down to the smallest normal number.
///
/// Gives `-∞` at 0, `∞` at 1 and NaN outside `[0, 1]`. For a probability near 1 known by its
/// complement `q`, use `-inverse_cdf(q)`.
///
/// Rational approximations of M. J. Wichura, "Algorithm AS 241: The Percentage Points of the
/// Normal Distribution", Applied Statistics 37 (1988), routine PPND16, and one step of Halley's
/// iteration on [`cdf`].
pub fn inverse_cdf(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
    }
    let centered = p - 0.5;
    if centered.abs() <= 0.425 {
        let r = 0.180_625 - centered * centered;
        return centered * ratio(r, &CENTRAL);
    }
    // 1 - p is exact for p ≥ 1/2.
    let lower = if centered < 0.0 { p } else { 1.0 - p };
    let x = refine(-tail(lower), lower);
    if centered < 0.0 { x } else { -x }
}

/// `-Φ⁻¹(p)` for `p ≤ 0.075`.
fn tail(p: f64) -> f64 {
    let r = (-libm::log(p)).sqrt();
    if r <= 5.0 {
        ratio(r - 1.6, &MIDDLE)
    } else {
        ratio(r - 5.0, &FAR)
    }
}

/// One Halley step towards `cdf(x) = p`.
fn refine(x: f64, p: f64) -> f64 {
    let density = pdf(x);
    if density < f64::MIN_POSITIVE {
        return x;
    }
    let step = (cdf(x) - p) / density;
    x - step / (1.0 + 0.5 * x * step)
}

/// Numerator and denominator, from the constant term up.
type Rational = ([f64; 8], [f64; 8]);

fn ratio(r: f64, (numerator, denominator): &Rational) -> f64 {
    let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, &a| sum * r + a);
    horner(numerator) / horner(denominator)
}

const CENTRAL: Rational = (
    [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_545e3,
    ],
);

const MIDDLE: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);

const FAR: Rational = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        2.965_605_718_285_048_7e-1,
        2.653_218_952_657_612_4e-2,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        5.998_322_065_558_88e-1,
        1.369_298_809_227_358e-1,
        1.487_536_129_085_061_5e-2,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

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
    fn quantiles_match_40_digit_arithmetic() {
        for (p, x) in [
            (0.6, 0.253_347_103_135_799_7),
            (0.025, -1.959_963_984_540_054_2),
            (0.975, 1.959_963_984_540_053_9),
            (1e-5, -4.264_890_793_922_825),
            (1e-20, -9.262_340_089_798_408),
            (1e-300, -37.047_096_299_361_2),
            (0.9999, 3.719_016_485_455_708_4),
        ] {
            assert_close(inverse_cdf(p), x, 5e-16);
        }
        assert_eq!(inverse_cdf(0.5), 0.0);
    }

    #[test]
    fn limits_and_impossible_arguments() {
        assert_eq!((cdf(f64::NEG_INFINITY), cdf(f64::INFINITY)), (0.0, 1.0));
        assert_eq!((pdf(f64::NEG_INFINITY), pdf(1e200)), (0.0, 0.0));
        assert_eq!(inverse_cdf(0.0), f64::NEG_INFINITY);
        assert_eq!(inverse_cdf(1.0), f64::INFINITY);
        for p in [-1e-300, 1.1, f64::NAN, f64::INFINITY] {
            assert!(inverse_cdf(p).is_nan());
        }
        assert!(cdf(f64::NAN).is_nan() && pdf(f64::NAN).is_nan());
        assert!(inverse_cdf(f64::from_bits(1)) < -38.0);
    }

    proptest::proptest! {
        #[test]
        fn inverse_undoes_the_distribution(x in -37.0..8.0f64) {
            // Near 1 the distribution function itself keeps only the digits of p.
            let tolerance = 1e-15 * x.abs().max(1.0) + 4e-16 * cdf(x) / pdf(x);
            proptest::prop_assert!((inverse_cdf(cdf(x)) - x).abs() <= tolerance);
        }

        #[test]
        fn quantiles_are_antisymmetric(p in 1e-10..0.5f64) {
            let q = 1.0 - p;
            proptest::prop_assert_eq!(inverse_cdf(q), -inverse_cdf(1.0 - q));
        }
    }
}
