//! Gaussian expectations by composite Gauss-Legendre quadrature.
//!
//! A panel is at most [`PANEL`] standard deviations wide, narrower where the function has many
//! features in one, and no panel crosses a kink. Gauss-Hermite rules, the usual choice, lose all
//! digits for functions that bend or saturate.

use std::sync::OnceLock;

use crate::gaussian;

/// Nodes per panel.
const ORDER: usize = 64;
/// Widest panel, in standard deviations.
const PANEL: f64 = 2.0;
/// Most features of the function (of size `scale`) in one panel.
const FEATURES: f64 = 20.0;
/// Where the Gaussian is cut: the tails beyond hold 1.5e-23.
pub(super) const REACH: f64 = 10.0;
/// Bounds the work for a function that is all detail.
const MOST_PANELS: f64 = 16384.0;
/// A kink this close to the origin serves as a split there.
const CLOSE: f64 = 1e-3;
/// Splits this close are one kink, found twice.
const SAME: f64 = 1e-13;
/// Over how many of its own widths a step smoothed by a Gaussian is not yet flat.
const TRANSITION: f64 = 8.0;

/// Where a function needs care.
#[derive(Clone, Debug)]
pub(super) struct Features {
    /// Kinks and jumps, ascending.
    pub(super) kinks: Vec<f64>,
    /// The size of its finest smooth detail; 1 for the well-known activations.
    pub(super) scale: f64,
    /// Whether its values have rounding noise well above that of `f64`.
    pub(super) noisy: bool,
    /// Beyond this distance from the origin it has no detail: it is a line or a constant.
    pub(super) reach: f64,
}

/// How finely to cut.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fineness {
    /// Panels up to twice [`PANEL`]: in the plane, where every panel costs its square.
    Coarse,
    /// Panels up to [`PANEL`].
    Normal,
    /// Panels half as wide, to judge the others by.
    Double,
}

/// An integral, and the integral of the absolute value that its rounding errors are relative to.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) value: f64,
    pub(super) size: f64,
}

/// `E[g(z)]` for standard normal z, where `g` looks at features of x at `x = mean + sd · z`.
pub(super) fn expectation<const N: usize>(
    features: &Features,
    (mean, sd): (f64, f64),
    fineness: Fineness,
    g: impl FnMut(f64) -> [f64; N],
) -> [Sum; N] {
    let kinks = features.kinks.iter().map(|k| (k - mean) / sd);
    integrate(&edges(kinks, (mean, sd), features, fineness), g)
}

/// Calls `f` with the places of standard normal z and their weights, by which a sum over them is an
/// expectation of whatever looks at features of x at `x = mean + sd · z`.
pub(super) fn nodes(
    features: &Features,
    (mean, sd): (f64, f64),
    fineness: Fineness,
    mut f: impl FnMut(f64, f64),
) {
    let kinks = features.kinks.iter().map(|k| (k - mean) / sd);
    for pair in edges(kinks, (mean, sd), features, fineness).windows(2) {
        let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
        for (node, weight) in legendre() {
            let z = half.mul_add(*node, middle);
            f(z, half * weight * gaussian::pdf(z));
        }
    }
}

/// `E[f(u) f(v)]` for normal u and v of deviation `sd` and correlation `c`.
pub(super) fn correlated_expectation(
    features: &Features,
    sd: f64,
    c: f64,
    f: impl Fn(f64) -> f64,
) -> f64 {
    let fresh = ((1.0 - c) * (1.0 + c)).sqrt();
    let inner = |z: f64| {
        let (mean, inner_sd) = (sd * c * z, sd * fresh);
        if inner_sd == 0.0 {
            return f(mean);
        }
        let panels = (mean, inner_sd);
        let [sum] = expectation(features, panels, Fineness::Coarse, |w| {
            [f(inner_sd.mul_add(w, mean))]
        });
        sum.value
    };
    // The inner expectation turns a kink into a bend of width fresh/|c|: panels of its size there.
    let bends = features.kinks.iter().flat_map(|k| {
        let (center, width) = (k / (sd * c), TRANSITION * fresh / c.abs());
        [k / sd, center, center - width, center + width]
    });
    let panels = edges(bends, (0.0, sd), features, Fineness::Coarse);
    let [sum] = integrate(&panels, |z| [f(sd * z) * inner(z)]);
    sum.value
}

/// The panels of `[-REACH, REACH]`, split at `kinks` and at the origin of x, where activations
/// bend most.
fn edges(
    kinks: impl Iterator<Item = f64>,
    (mean, sd): (f64, f64),
    features: &Features,
    fineness: Fineness,
) -> Vec<f64> {
    let widest = |detail: f64| match fineness {
        Fineness::Coarse => detail.min(2.0 * PANEL),
        Fineness::Normal => detail.min(PANEL),
        Fineness::Double => 0.5 * detail.min(PANEL),
    };
    let fine = widest(FEATURES * features.scale / sd).max(2.0 * REACH / MOST_PANELS);
    let plain = widest(f64::INFINITY);
    // Where all is plain from here on, to both sides.
    let bounds = [-features.reach, features.reach].map(|x| (x - mean) / sd);
    let mut splits: Vec<f64> = kinks.filter(|z| z.abs() < REACH).collect();
    let origin = -mean / sd;
    if origin.abs() < REACH && splits.iter().all(|z| (z - origin).abs() > CLOSE) {
        splits.push(origin);
    }
    if fine < plain {
        splits.extend(bounds.into_iter().filter(|z| z.abs() < REACH));
    }
    splits.extend([-REACH, REACH]);
    splits.sort_by(f64::total_cmp);
    splits.dedup_by(|b, a| *b - *a < SAME);

    let mut edges = vec![-REACH];
    for pair in splits.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let is_plain = to <= bounds[0] + SAME || from >= bounds[1] - SAME;
        let count = ((to - from) / if is_plain { plain } else { fine }).ceil();
        edges.extend((1..count as usize).map(|i| from + (to - from) * (i as f64 / count)));
        edges.push(to);
    }
    edges
}

/// `∫ g(z) φ(z) dz` over the panels between `edges`.
fn integrate<const N: usize>(edges: &[f64], mut g: impl FnMut(f64) -> [f64; N]) -> [Sum; N] {
    let rule = legendre();
    let mut total = [Sum::default(); N];
    for pair in edges.windows(2) {
        let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
        let mut panel = [Sum::default(); N];
        for (node, weight) in rule.iter() {
            let z = half.mul_add(*node, middle);
            let mass = weight * gaussian::pdf(z);
            for (sum, value) in panel.iter_mut().zip(g(z)) {
                sum.value += mass * value;
                sum.size += mass * value.abs();
            }
        }
        for (sum, part) in total.iter_mut().zip(panel) {
            sum.value += half * part.value;
            sum.size += half * part.size;
        }
    }
    total
}

/// Nodes and weights of the Gauss-Legendre rule on [-1, 1].
fn legendre() -> &'static [(f64, f64); ORDER] {
    static RULE: OnceLock<[(f64, f64); ORDER]> = OnceLock::new();
    RULE.get_or_init(|| std::array::from_fn(|i| legendre_node(ORDER, i)))
}

/// The i-th root of the Legendre polynomial of degree n by Newton's method, and its weight.
fn legendre_node(n: usize, i: usize) -> (f64, f64) {
    let mut x = -libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5));
    // Quadratic convergence from three digits: four steps reach the last place.
    for _ in 0..5 {
        let (value, derivative) = legendre_polynomial(n, x);
        x -= value / derivative;
    }
    let derivative = legendre_polynomial(n, x).1;
    (x, 2.0 / ((1.0 - x) * (1.0 + x) * derivative * derivative))
}

/// `P_n(x)` and its derivative, by the three-term recurrence.
fn legendre_polynomial(n: usize, x: f64) -> (f64, f64) {
    let (mut previous, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (previous, value) = (
            value,
            ((2.0 * k - 1.0) * x * value - (k - 1.0) * previous) / k,
        );
    }
    (
        value,
        n as f64 * (x * value - previous) / ((x - 1.0) * (x + 1.0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_integrates_polynomials_of_degree_127() {
        for degree in [0, 2, 10, 64, 126] {
            let sum: f64 = legendre().iter().map(|(x, w)| w * x.powi(degree)).sum();
            let exact = 2.0 / f64::from(degree + 1);
            assert!(
                (sum - exact).abs() < 2e-14 * exact,
                "degree {degree}: {sum} {exact}"
            );
        }
    }

    fn smooth(reach: f64) -> Features {
        Features {
            kinks: Vec::new(),
            scale: 1.0,
            noisy: false,
            reach,
        }
    }

    #[test]
    fn gaussian_moments_are_double_factorials() {
        let smooth = smooth(f64::INFINITY);
        for fineness in [Fineness::Normal, Fineness::Double] {
            let powers = |z: f64| [1.0, z, z * z, z.powi(4), z.powi(8)];
            let moments = expectation(&smooth, (0.0, 1.0), fineness, powers);
            for (got, want) in moments.into_iter().zip([1.0, 0.0, 1.0, 3.0, 105.0]) {
                let error = (got.value - want).abs();
                assert!(error <= 4e-15 * got.size, "{} {want}", got.value);
            }
        }
    }

    #[test]
    fn panels_stay_within_their_bounds_and_split_at_kinks() {
        let panels = edges(
            [3.0, 0.5, 20.0].into_iter(),
            (0.0, 1.0),
            &smooth(f64::INFINITY),
            Fineness::Normal,
        );
        assert!(panels.contains(&0.5) && panels.contains(&3.0) && panels.contains(&0.0));
        assert_eq!((panels[0], panels[panels.len() - 1]), (-REACH, REACH));
        assert!(
            panels
                .windows(2)
                .all(|p| p[0] < p[1] && p[1] - p[0] <= PANEL)
        );
        let rough = |reach| {
            edges(
                [].into_iter(),
                (0.0, 1e300),
                &smooth(reach),
                Fineness::Double,
            )
        };
        assert!(rough(f64::INFINITY).len() < 20_000);
        assert!(rough(40.0).len() < 40);
    }

    /// Far from the origin SiLU is a line: fewer panels give the same expectation.
    #[test]
    fn plain_tails_need_no_fine_panels() {
        for sd in [5.0, 40.0, 1000.0] {
            let square = |reach| {
                let silu = |z: f64| [(sd * z / (1.0 + (-sd * z).exp())).powi(2)];
                let [sum] = expectation(&smooth(reach), (0.0, sd), Fineness::Double, silu);
                sum.value
            };
            let (all, near) = (square(f64::INFINITY), square(40.0));
            assert!((all - near).abs() <= 1e-13 * all, "{sd}: {all} {near}");
        }
    }
}
