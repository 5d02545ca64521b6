//! Scales that balance gradients, searched without second derivatives.

use semilla::plan::{Change, Fitted};

use super::by_layer::rough;
use super::error::FitError;
use crate::measure::Measurement;
use crate::train::Network;

/// Gradients that differ less than this, as a logarithm, along the path are balanced: 10 %.
const ENOUGH: f64 = 0.1;
/// The runs that all weights together, and each by itself, may take.
const TOGETHER: usize = 16;
const EACH: usize = 48;
/// Factors on a weight stay within this, either way.
const FARTHEST: f64 = 64.0;
/// The first steps of a factor: of all weights together, and of one.
const FIRST: f64 = 1.5;
const FINE: f64 = 1.1;

/// How unequal squared gradients are along the main path.
#[derive(Clone, Copy, Debug)]
struct Unbalance {
    /// ln of the gradient at the path's start over that at its end.
    ends: f64,
    /// The greatest |ln| of a gradient on the path over that at its end.
    worst: f64,
}

/// A search over factors on weights.
struct Search<'n, 'g> {
    network: &'n mut Network<'g>,
    tensors: Vec<String>,
    factors: Vec<f64>,
    seed: u64,
    runs: usize,
}

/// Searches factors for weights, first one for all, then one for each. Answers what was found, and
/// the passes forward and back that it took.
pub(super) fn balance(
    network: &mut Network<'_>,
    tensors: &[String],
    seed: u64,
) -> Result<(Vec<Fitted>, usize), FitError> {
    let mut search = Search {
        factors: vec![1.0; tensors.len()],
        tensors: tensors.to_vec(),
        network,
        seed,
        runs: 0,
    };
    let before = search.unbalance()?;
    let after = match before {
        Some(before) => Some(search.run(before)?),
        None => None,
    };
    let found = search
        .tensors
        .iter()
        .zip(&search.factors)
        .map(|(name, &factor)| Fitted {
            name: name.clone(),
            change: match before {
                Some(_) => Change::Scaled(factor),
                None => Change::Left,
            },
            reason: match before.zip(after) {
                Some((before, after)) => format!(
                    "balanced: std × {} (|log g₁/g_L| {} → {}, worst on the path {} → {})",
                    rough(factor),
                    rough(before.ends.abs()),
                    rough(after.ends.abs()),
                    rough(before.worst),
                    rough(after.worst)
                ),
                None => {
                    "balanced: left as it is, since there is no main path to compare gradients on"
                        .to_owned()
                }
            },
        });
    Ok((found.collect(), search.runs))
}

impl Search<'_, '_> {
    fn run(&mut self, start: Unbalance) -> Result<Unbalance, FitError> {
        let now = self.together(start)?;
        self.each(now)
    }

    /// One factor for all: gradients grow with it, so that its root is between a factor that is too
    /// small and one that is too large.
    fn together(&mut self, start: Unbalance) -> Result<Unbalance, FitError> {
        let all: Vec<usize> = (0..self.tensors.len()).collect();
        let mut best = (1.0, start);
        let (mut low, mut high): (Option<f64>, Option<f64>) = (None, None);
        let (mut at, mut now) = (1.0, start);
        for _ in 0..TOGETHER {
            if now.worst < best.1.worst {
                best = (at, now);
            }
            if now.ends.abs() < ENOUGH {
                break;
            }
            match now.ends < 0.0 {
                true => low = Some(at),
                false => high = Some(at),
            }
            let next = match (low, high) {
                (Some(low), Some(high)) => (low * high).sqrt(),
                (Some(low), None) => low * FIRST,
                (None, Some(high)) => high / FIRST,
                (None, None) => break,
            };
            let is_near = (next / at).ln().abs() < 1e-3;
            if is_near || !(1.0 / FARTHEST..=FARTHEST).contains(&next) {
                break;
            }
            self.scale(&all, next / at);
            at = next;
            match self.unbalance()? {
                Some(found) => now = found,
                // Too far: as if gradients had exploded there.
                None => {
                    now = Unbalance {
                        ends: f64::INFINITY,
                        worst: f64::INFINITY,
                    }
                }
            }
        }
        self.scale(&all, best.0 / at);
        Ok(best.1)
    }

    /// A factor for each, one after the other, while the worst place of the path gets better.
    fn each(&mut self, start: Unbalance) -> Result<Unbalance, FitError> {
        let mut best = start;
        let limit = self.runs + EACH;
        loop {
            let before = best.worst;
            for place in 0..self.tensors.len() {
                for by in [FINE, FINE.recip()] {
                    if best.worst < ENOUGH || self.runs >= limit {
                        return Ok(best);
                    }
                    self.scale(&[place], by);
                    match self.unbalance()?.filter(|found| found.worst < best.worst) {
                        Some(better) => {
                            best = better;
                            break;
                        }
                        None => self.scale(&[place], by.recip()),
                    }
                }
            }
            if best.worst > 0.99 * before {
                return Ok(best);
            }
        }
    }

    fn scale(&mut self, places: &[usize], by: f64) {
        if by == 1.0 {
            return;
        }
        for &place in places {
            self.network.scale(&self.tensors[place], by);
            self.factors[place] *= by;
        }
    }

    /// Runs the network forward and back; `None` where no path has gradients.
    fn unbalance(&mut self) -> Result<Option<Unbalance>, FitError> {
        self.runs += 1;
        let measured = self.network.measure(self.seed)?;
        Ok(unbalance(&measured))
    }
}

fn unbalance(measured: &Measurement) -> Option<Unbalance> {
    let (first, last) = measured.ends()?;
    let log = |gradient: f64| {
        let log = gradient.ln() - last.gradient.ln();
        log.is_finite().then_some(log)
    };
    let logs: Option<Vec<f64>> = measured
        .path
        .iter()
        .map(|point| log(point.gradient))
        .collect();
    let worst = logs?
        .into_iter()
        .fold(0.0, |worst: f64, log| worst.max(log.abs()));
    Some(Unbalance {
        ends: log(first.gradient)?,
        worst,
    })
}
