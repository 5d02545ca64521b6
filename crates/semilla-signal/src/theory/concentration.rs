//! How much attention concentrates: shares of places whose scores are normal.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::node::Row;

/// Expectations of the shares of places whose scores are normal with one variance.
///
/// With `1/Sᵏ = ∫ tᵏ⁻¹ e^(-tS) dt / (k-1)!` the expectation over n independent scores is one over each
/// score alone, to a power: exact for every n and variance.
struct Concentration {
    /// For each t: the step times t, t itself, and `E e^(ks - t eˢ)` of k = 0, 2, 3, 4.
    terms: Vec<[f64; 6]>,
}

impl Concentration {
    fn new(variance: f64) -> Self {
        const SCORES: usize = 33;
        const PLACES: usize = 120;
        let sd = variance.sqrt();
        let scores: Vec<(f64, f64)> = (0..SCORES)
            .map(|i| {
                let z = -5.0 + 10.0 * i as f64 / (SCORES - 1) as f64;
                (libm::exp(sd * z), libm::exp(-0.5 * z * z))
            })
            .collect();
        let mass: f64 = scores.iter().map(|score| score.1).sum();
        // t on a logarithmic grid: from one huge sum of scores to the least of one score.
        let (low, high) = (-12.0 - 5.0 * sd, 4.0 + 5.0 * sd);
        let step = (high - low) / PLACES as f64;
        let terms = (0..=PLACES).map(|i| {
            let t = libm::exp(low + step * i as f64);
            let mut powers = [0.0; 4];
            for (score, weight) in &scores {
                let left = weight / mass * libm::exp(-t * score);
                for (sum, k) in powers.iter_mut().zip([0, 2, 3, 4]) {
                    *sum += left * score.powi(k);
                }
            }
            let [none, square, cube, fourth] = powers;
            [step * t, t, none, square, cube, fourth]
        });
        Self {
            terms: terms.collect(),
        }
    }

    /// Of a row that sees so many places.
    fn row(&self, sees: f64) -> Row {
        if sees <= 1.0 {
            return Row {
                sees,
                share: 1.0,
                leans: 0.0,
                passes: 0.0,
            };
        }
        // E Σ aⱼ², E Σ aⱼ³, E (Σ aⱼ²)², and that of two places only: divided by the places.
        let (mut squares, mut cubes, mut pairs, mut apart) = (0.0, 0.0, 0.0, 0.0);
        for [weight, t, none, square, cube, fourth] in &self.terms {
            let others = none.powf(sees - 1.0);
            let but_one = others / none.max(f64::MIN_POSITIVE);
            squares += weight * t * square * others;
            cubes += weight * t * t / 2.0 * cube * others;
            let of_two = (sees - 1.0) * square * square * but_one;
            pairs += weight * t.powi(3) / 6.0 * (fourth * others + of_two);
            apart += weight * t.powi(3) / 6.0 * of_two;
        }
        let share = (sees * squares).clamp(1.0 / sees, 1.0);
        let passes = sees * (squares - 2.0 * cubes + pairs);
        // By Price's theorem from the second derivative of aⱼ aₖ by both scores,
        // aⱼ aₖ (1 - 2 aⱼ - 2 aₖ + 6 aⱼ aₖ).
        let steepest = 1.0 - sees * (5.0 * squares - 4.0 * cubes - 6.0 * apart);
        let leans = steepest / (1.0 - share).max(1e-9);
        Row {
            sees,
            share,
            leans: leans.clamp(0.0, 1.0),
            passes: passes.max(0.0).min(share * (1.0 - share)),
        }
    }
}

/// The rows that were found, by what they see: tables over the variance of scores, which all layers
/// share.
#[derive(Default)]
pub(super) struct Concentrations(RefCell<Vec<Table>>);

struct Table {
    visible: Vec<f64>,
    /// By the place of the logarithm of the variance.
    found: HashMap<i64, Rc<[Row]>>,
}

/// So many variances are kept per factor of e; between them rows are all but straight.
const KEPT: f64 = 32.0;
/// Scores that vary less are even.
const EVEN: f64 = 1e-9;

impl Concentrations {
    /// `strays` is how far the variances of single rows stray from the mean of all: the variance of
    /// that, as a part of its square.
    pub(super) fn rows(&self, variance: f64, strays: f64, visible: &[f64]) -> Rc<[Row]> {
        let mut tables = self.0.borrow_mut();
        let known = tables.iter().position(|table| table.visible == visible);
        let place = known.unwrap_or_else(|| {
            tables.push(Table {
                visible: visible.to_vec(),
                found: HashMap::new(),
            });
            tables.len() - 1
        });
        let table = &mut tables[place];
        // Of two that stray as far, one to each side.
        let [low, high] = [-1.0, 1.0].map(|side| table.at(variance * (1.0 + side * strays.sqrt())));
        (low.iter().zip(high))
            .map(|(low, high)| low.mixed(&high, 0.5))
            .collect()
    }
}

impl Table {
    fn at(&mut self, variance: f64) -> Vec<Row> {
        let place = libm::log(variance.max(EVEN)) * KEPT;
        let (low, part) = (place.floor(), place - place.floor());
        let [below, above] = [low, low + 1.0].map(|place| self.kept(place as i64));
        (below.iter().zip(&*above))
            .map(|(below, above)| below.mixed(above, part))
            .collect()
    }

    fn kept(&mut self, place: i64) -> Rc<[Row]> {
        let find = || {
            let concentration = Concentration::new(libm::exp(place as f64 / KEPT));
            (self.visible.iter())
                .map(|&sees| concentration.row(sees))
                .collect()
        };
        Rc::clone(self.found.entry(place).or_insert_with(find))
    }
}

impl Row {
    /// A mean of two, with this part of the other.
    fn mixed(&self, other: &Self, part: f64) -> Self {
        let mean = |a: f64, b: f64| a + part * (b - a);
        Self {
            sees: self.sees,
            share: mean(self.share, other.share),
            leans: mean(self.leans, other.leans),
            passes: mean(self.passes, other.passes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expectation of a function of the first share of two places with scores of variance v:
    /// sigmoid of N(0, 2v).
    fn of_two(variance: f64, f: impl Fn(f64) -> f64) -> f64 {
        let sd = (2.0 * variance).sqrt();
        let mut sums = (0.0, 0.0);
        for i in 0..4001 {
            let z = -8.0 + 16.0 * f64::from(i) / 4000.0;
            let weight = (-0.5 * z * z).exp();
            sums.0 += weight * f(1.0 / (1.0 + (-sd * z).exp()));
            sums.1 += weight;
        }
        sums.0 / sums.1
    }

    /// `E (a² + (1 - a)²)`.
    #[test]
    fn concentration_of_few_and_many_places() {
        for variance in [0.01, 0.5, 1.0, 4.0] {
            let exact = of_two(variance, |a| a * a + (1.0 - a) * (1.0 - a));
            let found = Concentration::new(variance).row(2.0).share;
            assert!(
                (found / exact - 1.0).abs() < 2e-3,
                "{variance}: {found} {exact}"
            );
        }
        let many = Concentration::new(0.25).row(4096.0).share;
        assert!((many * 4096.0 / 0.25f64.exp() - 1.0).abs() < 2e-3, "{many}");
        assert!((Concentration::new(0.0).row(7.0).share * 7.0 - 1.0).abs() < 2e-3);
    }

    /// Both scores get `±a (1 - a) (g - g')`, whose squares add up to `4 a² (1 - a)²`. Of 16 places
    /// numbers from 400,000 draws.
    #[test]
    fn what_scores_get_of_gradients() {
        for variance in [0.01, 0.5, 1.0, 4.0] {
            let exact = of_two(variance, |a| 4.0 * (a * (1.0 - a)).powi(2));
            let found = Concentration::new(variance).row(2.0).passes;
            assert!(
                (found / exact - 1.0).abs() < 2e-3,
                "{variance}: {found} {exact}"
            );
        }
        for (variance, drawn) in [(1.0, 0.0935), (4.0, 0.1168), (16.0, 0.0971)] {
            let found = Concentration::new(variance).row(16.0).passes;
            assert!(
                (found / drawn - 1.0).abs() < 4e-3,
                "{variance}: {found} {drawn}"
            );
        }
        // Of two places with scores of correlation ρ the share is that of N(0, 2v(1 - ρ)).
        let v = 1.5;
        let of = |rho: f64| of_two(v * (1.0 - rho), |a| a * (1.0 - a));
        let slope = (of(0.01) - of(-0.01)) / 0.02 / of(0.0);
        let found = v * Concentration::new(v).row(2.0).leans;
        assert!((found / slope - 1.0).abs() < 0.01, "{found} {slope}");
        let even = Concentration::new(0.0).row(7.0).passes;
        assert!((even - (1.0 - 1.0 / 7.0) / 7.0).abs() < 1e-4, "{even}");
        assert_eq!(Concentration::new(1.0).row(1.0).passes, 0.0);
    }
}
