//! Softmax: shares of attention, near uniform where scores vary little.

use std::rc::Rc;

use super::super::axes::Mask;
use super::super::node::{Link, Node, Origin, Row};
use super::super::signal::Signal;
use super::super::state::{Gap, Known, Step, Theory};

/// Scores that vary more put all on one place.
const MOST_VARIANCE: f64 = 60.0;
/// Rows of a masked matrix that are looked at for pairs.
const MOST_ROWS: usize = 64;

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

/// How much of what one row concentrates another does too whose scores share this part of the
/// variance.
fn shared(variance: f64, part: f64) -> f64 {
    match variance > 1e-9 {
        true => libm::expm1(part * variance) / libm::expm1(variance),
        false => part,
    }
}

/// `Softmax` over an axis. `visible` has, for each row of a masked matrix of scores, how many places
/// it sees; rows see the first of them.
pub(super) fn softmax(
    theory: &mut Theory,
    step: &Step<'_>,
    visible: Option<&[f64]>,
) -> Result<Known, Gap> {
    let x = step.signal(0)?;
    let from = &theory.nodes[x];
    let axes = from.signal.axes.clone();
    let default = if step.opset < 13 { 1 } else { -1 };
    let axis = step.axis(step.int("axis", default), axes.rank())?;
    let over = match step.opset < 13 {
        true => axes.masks(axis..axes.rank()),
        false => axes.mask(axis),
    };
    let places = axes.places(over);
    let rows_atoms = match visible.is_some() && axis > 0 {
        true => axes.mask(axis - 1),
        false => 0,
    };
    let whole = [places];
    let visible = visible.unwrap_or(&whole);
    let kernel = &from.signal.kernel;
    let variance_of = |mask: Mask| {
        let variance = (kernel[mask & !over] - kernel[mask | over]).max(0.0);
        if variance.is_nan() { 0.0 } else { variance }
    };
    let variance = variance_of(0).min(MOST_VARIANCE);
    let concentration = Concentration::new(variance);
    let rows: Rc<[Row]> = visible
        .iter()
        .map(|&sees| concentration.row(sees))
        .collect();
    // In the order of what they see; of many, some.
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| a.sees.total_cmp(&b.sees));
    let every = sorted.len().div_ceil(MOST_ROWS);
    let sorted: Vec<Row> = sorted.into_iter().step_by(every).collect();
    let count = sorted.len() as f64;
    // What two rows put on the same place: those that see less are within those that see more.
    let together = |part: f64, is_apart: bool| -> f64 {
        let even = |row: &Row| 1.0 / row.sees;
        let of = |row: &Row| even(row) + (row.share - even(row)) * shared(variance, part);
        let each = sorted.iter().map(of);
        match is_apart && sorted.len() > 1 {
            false => each.sum::<f64>() / count,
            true => {
                let pairs = each.enumerate().map(|(i, share)| i as f64 * share);
                2.0 * pairs.sum::<f64>() / (count * (count - 1.0))
            }
        }
    };
    let made = (0..kernel.len()).map(|mask: Mask| {
        let own = variance_of(mask).min(variance);
        let part = if variance > 0.0 { own / variance } else { 1.0 };
        let shares = together(part, mask & rows_atoms != 0);
        match mask & over {
            0 => shares / places,
            _ => (1.0 - shares) / (places * (places - 1.0)),
        }
    });
    let signal = Signal {
        kernel: made.collect(),
        mean: 1.0 / places,
        axes: axes.clone(),
    };
    let mut node = Node::normal(signal, from.units, Origin::Other);
    node.chance = from.chance;
    let leans = rows.iter().map(|row| row.leans).sum::<f64>() / rows.len() as f64;
    let steep = |mask: Mask| leans * variance_of(mask & !over);
    node.steep = Some((0..kernel.len()).map(steep).collect());
    // y (g - Σ y g): what is the same in all places of a row does nothing, and a row that looks at
    // one place only gets nothing.
    let all: f64 = rows.iter().map(|row| row.share).sum();
    let passed: f64 = rows.iter().map(|row| row.passes).sum();
    let left = passed / all;
    if let Some(lift) = &from.lift {
        lift.set((rows.len() as f64 - all) / passed.max(f64::MIN_POSITIVE));
    }
    let is_masked = rows.len() > 1;
    let weights = is_masked.then(|| {
        let even = passed / rows.len() as f64;
        let of = |row: &Row| row.passes / even.max(f64::MIN_POSITIVE);
        rows.iter().map(of).collect()
    });
    let shares = node.signal.kernel.clone();
    let back = move |gradient: &[f64]| {
        let of = |mask: Mask| {
            let same = mask & !over;
            let own = shares[same] * left * (gradient[same] - gradient[same | over]);
            if mask & over == 0 {
                own
            } else {
                -own / (places - 1.0)
            }
        };
        (0..gradient.len()).map(of).collect()
    };
    node.links.push(Link {
        weights,
        ..Link::plain(x, back)
    });
    node.rows = is_masked.then_some(rows);
    Ok(Known::Signal(theory.push(node)))
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
