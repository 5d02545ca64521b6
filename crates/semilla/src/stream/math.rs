//! The stream's elementary functions, made of IEEE operations in a fixed order.
//!
//! A library's `ln` or `sin` differs from machine to machine; these do not. Every constant below
//! is part of the specification (`docs/stream.md`). The polynomials are minimax fits (Remez) on the
//! reduced ranges, evaluated by Horner's rule with one fused multiply-add a step.

pub(crate) const TWO_POW_MINUS_24: f32 = 1.0 / 16_777_216.0;
pub(crate) const TWO_POW_MINUS_32: f32 = 1.0 / 4_294_967_296.0;
pub(crate) const TWO_POW_MINUS_33: f32 = 0.5 / 4_294_967_296.0;
pub(crate) const TWO_POW_MINUS_53: f64 = 1.0 / 9_007_199_254_740_992.0;
const TWO_POW_MINUS_54: f64 = 0.5 / 9_007_199_254_740_992.0;
const TWO_POW_MINUS_63: f64 = 1.0 / 9_223_372_036_854_775_808.0;

/// The bits of ¾: mantissas are taken from [¾, 1½).
pub(crate) const THREE_QUARTERS_BITS: u32 = 0x3f40_0000;
/// -2 ln 2, for an exponent that still carries its factor 2²³.
pub(crate) const MINUS_2_LN_2_SHIFTED: f32 = -2.0 * std::f32::consts::LN_2 / 8_388_608.0;
/// -2 ln(1 + f) / f on [-¼, ½], ascending powers; relative error 2^-22.4 (a normal's radius, its
/// square root, has half of that).
pub(crate) const MINUS_2_LN: [f32; 8] = [
    -2.000_000_2,
    1.000_004_3,
    -0.666_595_3,
    0.499_535_83,
    -0.402_160_67,
    0.347_444_42,
    -0.282_637_3,
    0.132_921_2,
];
/// sin(πy/2) / y in powers of y², |y| ≤ 1; relative error 2^-27.4.
pub(crate) const SIN: [f32; 5] = [
    1.570_796_4,
    -0.645_963_7,
    0.079_689_68,
    -0.004_673_766_4,
    0.000_151_485_13,
];
/// cos(πy/2) in powers of y², |y| ≤ 1; absolute error 2^-24.3.
pub(crate) const COS: [f32; 5] = [
    0.999_999_94,
    -1.233_698_2,
    0.253_650_75,
    -0.020_810_628,
    0.000_858_190_64,
];

/// Quantiles with |p - ½| up to this take the central branch: it covers truncation at ±2σ whole.
pub(crate) const CENTRAL: f32 = 0.4775;
pub(crate) const CENTRAL_SQUARED: f32 = CENTRAL * CENTRAL;
/// Φ⁻¹(½ + q) / q as a rational function of 0.4775² - q²; relative error 2^-23.
pub(crate) const CENTRAL_NUMERATOR: [f32; 5] =
    [4.198_229, 225.518_59, 3_063.669_7, 9_852.516, 3_511.51];
pub(crate) const CENTRAL_DENOMINATOR: [f32; 5] =
    [1.0, 61.289_692, 1_027.237_3, 4_782.12, 4_086.150_1];
/// -Φ⁻¹(p) as a rational function of √(-2 ln p), for 2.7 ≤ √(-2 ln p) ≤ 13.2; relative error 2^-23.
pub(crate) const TAIL_NUMERATOR: [f32; 5] = [
    -2.809_978,
    -2.617_771_4,
    2.416_589_5,
    1.430_289_4,
    0.109_201_334,
];
pub(crate) const TAIL_DENOMINATOR: [f32; 4] = [1.0, 2.919_677_7, 1.433_135_3, 0.109_179_44];

/// `high` where `value` is above it.
#[inline(always)]
pub(crate) fn at_most<F: PartialOrd>(value: F, high: F) -> F {
    if high < value { high } else { value }
}

/// `value`, or the bound that it lies beyond.
#[inline(always)]
pub(crate) fn clamp<F: PartialOrd>(value: F, low: F, high: F) -> F {
    at_most(if low > value { low } else { value }, high)
}

/// `c[0] + c[1] x + c[2] x² ...`
#[inline(always)]
pub(crate) fn horner(coefficients: &[f32], x: f32) -> f32 {
    let (last, rest) = coefficients
        .split_last()
        .expect("a polynomial has a coefficient");
    rest.iter().rev().fold(*last, |sum, &c| sum.mul_add(x, c))
}

#[inline(always)]
fn horner64(coefficients: &[f64], x: f64) -> f64 {
    let (last, rest) = coefficients
        .split_last()
        .expect("a polynomial has a coefficient");
    rest.iter().rev().fold(*last, |sum, &c| sum.mul_add(x, c))
}

/// -2 ln(u) for a normal 0 < u ≤ 1.
pub(crate) fn minus_2_ln(u: f32) -> f32 {
    let exponent = u.to_bits().wrapping_sub(THREE_QUARTERS_BITS) & 0xff80_0000;
    let f = f32::from_bits(u.to_bits().wrapping_sub(exponent)) - 1.0;
    let whole = exponent as i32 as f32 * MINUS_2_LN_2_SHIFTED;
    f.mul_add(horner(&MINUS_2_LN, f), whole)
}

/// The polynomials of a circle: a normal's standard deviation is multiplied into them once, not
/// into every element.
pub(crate) struct Circle {
    pub(crate) cos: [f32; 5],
    pub(crate) sin: [f32; 5],
}

impl Circle {
    /// The circle with this radius.
    pub(crate) fn new(radius: f32) -> Self {
        Self {
            cos: COS.map(|c| c * radius),
            sin: SIN.map(|c| c * radius),
        }
    }
}

/// Two normals from a radius word and an angle word. The angle's lower 23 bits choose the place on
/// the right half of the circle, its highest bit the half.
///
/// Source: Box & Muller, *A Note on the Generation of Random Normal Deviates*, 1958.
pub(crate) fn box_muller(radius: u32, angle: u32, mean: f32, std: f32) -> (f32, f32) {
    let circle = Circle::new(std);
    let unit = (radius as f32).mul_add(TWO_POW_MINUS_32, TWO_POW_MINUS_33);
    let length = minus_2_ln(unit).sqrt();
    let length = f32::from_bits(length.to_bits() ^ (angle & 1 << 31));
    let y = f32::from_bits(angle & 0x007f_ffff | 2f32.to_bits()) - 3.0;
    let y2 = y * y;
    let (cos, sin) = (horner(&circle.cos, y2), y * horner(&circle.sin, y2));
    (length.mul_add(cos, mean), length.mul_add(sin, mean))
}

/// -4 atanh(√z) / √z for 0 ≤ z ≤ ((√2-1)/(√2+1))²; relative error 2^-59.
const MINUS_4_ATANH: [f64; 8] = [
    -4.0,
    -1.333333333333353,
    -0.7999999999859776,
    -0.5714285752269427,
    -0.4444439397641342,
    -0.3636727019219134,
    -0.3062488743034141,
    -0.29621060400708343,
];
/// sin(πy/2) / y in powers of y², |y| ≤ 1; relative error 2^-61.
const SIN64: [f64; 9] = [
    std::f64::consts::FRAC_PI_2,
    -0.6459640975062462,
    0.07969262624616544,
    -0.004681754135302643,
    0.00016044118470682234,
    -3.5988430072092917e-06,
    5.6921348727925625e-08,
    -6.684321725326123e-10,
    5.870611102642757e-12,
];
/// cos(πy/2) in powers of y², |y| ≤ 1; absolute error 2^-57.
const COS64: [f64; 9] = [
    1.0,
    -1.233700550136169,
    0.2536695079010311,
    -0.020863480763179135,
    0.0009192602739445638,
    -2.5202039784524918e-05,
    4.7108307705059063e-07,
    -6.3822375951216835e-09,
    6.331774489191424e-11,
];

/// -2 ln(u) for a normal 0 < u ≤ 1.
#[inline(always)]
pub(crate) fn minus_2_ln_f64(u: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let exponent = u.to_bits().wrapping_sub(SQRT_HALF) & 0xfff0_0000_0000_0000;
    let f = f64::from_bits(u.to_bits().wrapping_sub(exponent)) - 1.0;
    let s = f / (2.0 + f);
    let series = s * horner64(&MINUS_4_ATANH, s * s);
    let exponent = ((exponent as i64) >> 52) as f64;
    exponent.mul_add(-2.0 * std::f64::consts::LN_2, series)
}

/// The 64-bit form of [`box_muller`]: 53 bits of radius, 64 of angle.
#[inline(always)]
pub(crate) fn box_muller_f64(radius: u64, angle: u64, mean: f64, std: f64) -> (f64, f64) {
    let unit = ((radius >> 11) as f64).mul_add(TWO_POW_MINUS_53, TWO_POW_MINUS_54);
    let length = minus_2_ln_f64(unit).sqrt();
    let y = (angle << 1) as i64 as f64 * TWO_POW_MINUS_63;
    let y2 = y * y;
    let (cos, sin) = (
        horner64(&COS64.map(|c| c * std), y2),
        y * horner64(&SIN64.map(|c| c * std), y2),
    );
    let length = if angle >> 63 == 0 { length } else { -length };
    (length.mul_add(cos, mean), length.mul_add(sin, mean))
}

/// `(word + ½) / 2³²`, rounded.
pub(crate) fn open_unit(word: u32) -> f32 {
    (word as f32).mul_add(TWO_POW_MINUS_32, TWO_POW_MINUS_33)
}

/// `(word + ½) / 2³² - ½`, rounded: finest near the median.
pub(crate) fn centred_unit(word: u32) -> f32 {
    ((word ^ 0x8000_0000) as i32 as f32).mul_add(TWO_POW_MINUS_32, TWO_POW_MINUS_33)
}

/// Φ⁻¹(½ + q) for |q| ≤ [`CENTRAL`].
pub(crate) fn central_quantile(q: f32) -> f32 {
    let r = (-q).mul_add(q, CENTRAL_SQUARED);
    q * (horner(&CENTRAL_NUMERATOR, r) / horner(&CENTRAL_DENOMINATOR, r))
}

/// -Φ⁻¹(p) for a tail probability p ≤ ½ - [`CENTRAL`].
pub(crate) fn tail_quantile(p: f32) -> f32 {
    let s = minus_2_ln(p).sqrt();
    horner(&TAIL_NUMERATOR, s) / horner(&TAIL_DENOMINATOR, s)
}

/// `(word's upper 53 bits + ½) / 2⁵³`, rounded.
pub(crate) fn open_unit_f64(word: u64) -> f64 {
    ((word >> 11) as f64).mul_add(TWO_POW_MINUS_53, TWO_POW_MINUS_54)
}

/// `(word's upper 53 bits + ½) / 2⁵³ - ½`, rounded.
pub(crate) fn centred_unit_f64(word: u64) -> f64 {
    (((word ^ 1 << 63) as i64 >> 11) as f64).mul_add(TWO_POW_MINUS_53, TWO_POW_MINUS_54)
}

/// Quantiles with |p - ½| up to this take the central branch of the 64-bit form.
pub(crate) const CENTRAL64: f64 = 0.425;

/// Φ⁻¹(½ + q) for |q| ≤ [`CENTRAL64`], to about 1 part in 10¹⁶.
///
/// Source: Wichura, *Algorithm AS 241: The Percentage Points of the Normal Distribution*, 1988
/// (PPND16).
pub(crate) fn central_quantile_f64(q: f64) -> f64 {
    let r = (-q).mul_add(q, CENTRAL64 * CENTRAL64);
    q * (horner64(&AS241_A, r) / horner64(&AS241_B, r))
}

/// -Φ⁻¹(p) for a tail probability p < 0.075, to about 1 part in 10¹⁶ (same source).
pub(crate) fn tail_quantile_f64(p: f64) -> f64 {
    let r = (0.5 * minus_2_ln_f64(p)).sqrt();
    if r <= 5.0 {
        horner64(&AS241_C, r - 1.6) / horner64(&AS241_D, r - 1.6)
    } else {
        horner64(&AS241_E, r - 5.0) / horner64(&AS241_F, r - 5.0)
    }
}

const AS241_A: [f64; 8] = [
    3.387_132_872_796_366_5,
    1.331_416_678_917_843_8e2,
    1.971_590_950_306_551_3e3,
    1.373_169_376_550_946e4,
    4.592_195_393_154_987e4,
    6.726_577_092_700_87e4,
    3.343_057_558_358_813e4,
    2.509_080_928_730_122_7e3,
];
const AS241_B: [f64; 8] = [
    1.0,
    4.231_333_070_160_091e1,
    6.871_870_074_920_579e2,
    5.394_196_021_424_751e3,
    2.121_379_430_158_659_7e4,
    3.930_789_580_009_271e4,
    2.872_908_573_572_194_3e4,
    5.226_495_278_852_854e3,
];
const AS241_C: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    2.417_807_251_774_506e-1,
    2.272_384_498_926_918_4e-2,
    7.745_450_142_783_414e-4,
];
const AS241_D: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    6.897_673_349_851e-1,
    1.481_039_764_274_800_8e-1,
    1.519_866_656_361_645_7e-2,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const AS241_E: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    2.965_605_718_285_048_7e-1,
    2.653_218_952_657_612_4e-2,
    1.242_660_947_388_078_4e-3,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const AS241_F: [f64; 8] = [
    1.0,
    5.998_322_065_558_88e-1,
    1.369_298_809_227_358e-1,
    1.487_536_129_085_061_5e-2,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];
