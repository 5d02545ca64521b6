//! The protocol that a comparison follows, from what was asked for.

use semilla_signal::{Labels, Loss};

use crate::comparison::{Grid, Measure, Protocol};
use crate::problem::Problem;
use crate::trial::{Seeds, Trial};

/// What is asked for. The default suits small networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The first seed.
    pub seed: u64,
    /// Seeds to choose each arm's rate with: at most 1000.
    pub tuning: usize,
    /// Seeds whose scores are compared: at most 1000.
    pub finals: usize,
    /// The first rates; if none, eight around the optimizer's usual one.
    pub rates: Option<Grid>,
    /// The smallest difference that matters, in units of the measure; if none, 0.01 of accuracy,
    /// or a hundredth of the loss of an output of zeros.
    pub difference: Option<f64>,
    /// The place of the arm that is compared with itself.
    pub reference: usize,
    /// Whether to leave out what theory calls hopeless, and rates that fall behind.
    pub prunes: bool,
    /// The steps that may be trained in all.
    pub budget: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            tuning: 4,
            finals: 12,
            rates: None,
            difference: None,
            reference: 0,
            prunes: false,
            budget: None,
        }
    }
}

/// The protocol for trials like this one.
pub fn protocol(problem: &Problem, trial: Trial, settings: &Settings) -> Protocol {
    let measure = match problem.classes() {
        // One class for each sample, not one for each word.
        Some(_) if problem.loss() == Loss::CrossEntropy => Measure::Accuracy,
        _ => Measure::Loss,
    };
    let usual = Grid {
        first: trial.optimizer.usual_lr() / 8.0,
        factor: 2.0,
        count: 8,
        extension: 4,
    };
    // Far enough apart for a thousand seeds each.
    let seeds = |block: u64, count: usize| {
        let first = settings.seed.wrapping_add(1000 * block);
        let seeds = (0..count as u64).map(|i| Seeds {
            weights: first.wrapping_add(i),
            order: first.wrapping_add(i),
            split: first.wrapping_add(i),
        });
        seeds.collect()
    };
    let difference = match measure {
        Measure::Accuracy => 0.01,
        Measure::Loss => 0.01 * loss_of_zeros(problem),
    };
    Protocol {
        trial,
        measure,
        rates: settings.rates.unwrap_or(usual),
        tuning: seeds(0, settings.tuning),
        finals: seeds(1, settings.finals),
        check: seeds(2, settings.finals),
        reference: settings.reference,
        level: 0.05,
        power: 0.8,
        difference: settings.difference.unwrap_or(difference),
        prunes: settings.prunes,
        budget: settings.budget,
    }
}

/// The loss of an output of zeros: ln C of classes, the mean square of numbers.
fn loss_of_zeros(problem: &Problem) -> f64 {
    if let Some(classes) = problem.classes() {
        return libm::log(classes as f64);
    }
    let ((_, labels), _) = problem.first_batch(&problem.split(0));
    match labels {
        Labels::Values(values) if !values.data().is_empty() => {
            let squares = values.data().iter().map(|&y| f64::from(y) * f64::from(y));
            squares.sum::<f64>() / values.data().len() as f64
        }
        _ => 1.0,
    }
}
