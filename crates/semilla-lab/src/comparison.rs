//! What comes of a comparison: plain data, with all that a page or a table needs.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::statistics::{Pair, SelfCheck};
use crate::trial::{Seeds, Trial, Trunk};

/// What comes of a comparison. It holds no times, and is the same bytes whether it was made in one
/// go or resumed, on any number of threads.
///
/// Scores are in the units of the [`Measure`]; `None` is a training that diverged, which ranks
/// below every number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The version of this format: 1.
    pub format: u32,
    /// The version of Semilla that made it.
    pub semilla: String,
    /// The version of the random stream.
    pub stream: u32,
    /// What was asked for.
    pub protocol: Protocol,
    /// What was trained on.
    pub data: DataSummary,
    /// The learning rates that every arm was tried at, ascending.
    pub rates: Vec<f64>,
    /// The starts that are compared, in the order in which they were given.
    pub arms: Vec<Arm>,
    /// The training loss that the steps to the target are counted for: half the way that the best
    /// arm's goes.
    pub target: Option<f64>,
    /// The places of the arms from the best to the worst median. Neighbours need not differ: the
    /// groups say which do.
    pub order: Vec<usize>,
    /// Every pair of arms that were trained.
    pub pairs: Vec<Pair>,
    /// The largest sets of arms between which there is no evidence of a difference, the best
    /// first. An arm may be in several; two arms that differ are in none together.
    pub groups: Vec<Vec<usize>>,
    /// What can be said.
    pub verdict: Verdict,
    /// How often this comparison would find a difference where there is none: the reference
    /// against itself.
    pub self_check: Option<SelfCheck>,
    /// All that was left out, and why.
    pub pruned: Vec<Pruned>,
    /// What it took.
    pub cost: Cost,
    /// Whether everything was trained that the protocol asks for.
    pub is_complete: bool,
    /// Every training and what came of it, trunks left out.
    pub runs: Vec<Run>,
}

impl Comparison {
    /// The places of all arms: those of the order, then those that it leaves out.
    pub fn ranked(&self) -> impl Iterator<Item = usize> {
        let rest = (0..self.arms.len()).filter(|arm| !self.order.contains(arm));
        self.order.iter().copied().chain(rest)
    }

    /// The letters of the groups that an arm is in: arms that share one are not told apart.
    pub fn letters(&self, arm: usize) -> String {
        let groups = self.groups.iter().enumerate();
        let own = groups.filter(|(_, group)| group.contains(&arm));
        own.map(|(number, _)| letter(number)).collect()
    }
}

/// a, b, c...; beyond z with a number.
fn letter(number: usize) -> String {
    let letter = char::from(b'a' + (number % 26) as u8);
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

/// What a comparison does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// Every training, but for its recipe, its trunk, its rate, its seeds and its records.
    pub trial: Trial,
    /// What is compared.
    pub measure: Measure,
    /// The first learning rates.
    pub rates: Grid,
    /// The seeds with which rates are chosen, on the validation set. All arms share them.
    pub tuning: Vec<Seeds>,
    /// The seeds of the numbers that are compared, on the test set, at each arm's best rate. None
    /// of them was used to choose a rate. All arms share them.
    pub finals: Vec<Seeds>,
    /// The place of the arm that is compared with itself.
    pub reference: usize,
    /// The other seeds with which it is trained for that.
    pub check: Vec<Seeds>,
    /// The rate of false differences that is allowed, over all pairs together: 0.05.
    pub level: f64,
    /// The power that needed seeds are counted for: 0.8.
    pub power: f64,
    /// The smallest difference that matters, in units of the measure.
    pub difference: f64,
    /// Whether arms that theory calls hopeless are left out, and rates that are clearly worse
    /// after a quarter of the steps.
    pub prunes: bool,
    /// The steps that may be trained in all.
    pub budget: Option<u64>,
}

impl Protocol {
    /// The seeds of the trainings that are for something.
    pub fn seeds(&self, purpose: Purpose) -> &[Seeds] {
        match purpose {
            Purpose::Rung | Purpose::Tuning => &self.tuning,
            Purpose::Final => &self.finals,
            Purpose::Check => &self.check,
        }
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The part of the classes that are right: more is better.
    Accuracy,
    /// The loss: less is better.
    Loss,
}

/// Learning rates at equal ratios.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// The lowest.
    pub first: f64,
    /// The ratio of neighbours, at most 2.2: with wider steps the best rate is missed, unevenly
    /// from arm to arm.
    pub factor: f64,
    /// How many.
    pub count: usize,
    /// How many more may be added on either side while an arm is best at the edge.
    pub extension: usize,
}

/// The data in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// Their name.
    pub name: String,
    /// Samples to train on.
    pub training: usize,
    /// Samples to choose rates by.
    pub validation: usize,
    /// Samples to compare by.
    pub test: usize,
    /// Classes, where labels are classes.
    pub classes: Option<usize>,
}

/// A start that is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// What people call it: `He`.
    pub name: String,
    /// The recipe: a name, or its TOML.
    pub recipe: String,
    /// The training before this one from which weights are taken, if any; its seed of weights is
    /// that of each trial.
    pub trunk: Option<Trunk>,
    /// What theory expects, where it can say.
    pub predicted: Option<Predicted>,
    /// What came of each of the rates, with the tuning seeds; rates that were not tried have no
    /// scores.
    pub search: Vec<Searched>,
    /// The place of the best rate; `None` where none was found yet.
    pub best: Option<usize>,
    /// Whether rates on both sides of the best are worse.
    pub is_interior: bool,
    /// The rates around the best that do about as well.
    pub basin: Option<Basin>,
    /// The test scores with the final seeds at the best rate, as far as they are trained.
    pub finals: Vec<Option<f64>>,
    /// Their quartiles, the worst first; empty where there are none yet.
    pub quartiles: Vec<Option<f64>>,
    /// The median of the last training losses of the final seeds.
    pub training_loss: Option<f64>,
    /// The median of the steps after which the training loss was at or below the target for
    /// good; `None` where half of the seeds do not get there.
    pub steps_to_target: Option<u64>,
}

/// What theory expects of a start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// The natural logarithm of the squared gradient at the start of the main path over that at its
    /// end.
    pub log_gradients: f64,
    /// Whether theory alone says that it cannot train.
    pub is_hopeless: bool,
}

/// An arm at one learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// The validation scores with the tuning seeds.
    pub scores: Vec<Option<f64>>,
    /// Their median; `None` of none, and where most diverged.
    pub median: Option<f64>,
    /// How many diverged.
    pub diverged: usize,
}

/// The rates around the best whose median is within the tolerance of its.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basin {
    /// The lowest rate, between those that were tried where the line through them says so.
    pub low: f64,
    /// The highest rate.
    pub high: f64,
    /// Doublings from the lowest to the highest.
    pub octaves: f64,
    /// What counts as about as well, in units of the measure.
    pub tolerance: f64,
}

/// What can be said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one sentence.
    pub sentence: String,
    /// The arm of the best median, and those between which and it there is no evidence of a
    /// difference; the best first.
    pub leaders: Vec<usize>,
    /// The arms that are worse than the best.
    pub beaten: Vec<usize>,
    /// What limits the verdict.
    pub caveats: Vec<Caveat>,
}

/// What limits a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caveat {
    /// Not everything was trained.
    Incomplete,
    /// With so few seeds not even the clearest difference can be shown.
    FewSeeds {
        /// The seeds that could.
        needed: usize,
    },
    /// An arm is best at the edge of the rates, even after these were extended.
    Edge {
        /// The arm.
        arm: usize,
    },
    /// The self-check found differences more often than the level allows.
    SelfCheck,
}

/// Something that was not trained to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pruned {
    /// The arm.
    pub arm: usize,
    /// The place of the rate; `None`: all of them.
    pub rate: Option<usize>,
    /// Why.
    pub why: Why,
}

/// Why something was not trained to the end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Theory says that it cannot train: the logarithm of the ratio of squared gradients.
    Hopeless {
        /// It.
        log_gradients: f64,
    },
    /// It is worse than the arm's best rate after some of the steps.
    Behind {
        /// The steps.
        steps: u64,
        /// The probability of that by chance, by signed ranks over the seeds.
        p: f64,
    },
}

/// What a comparison took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainings, trunks among them.
    pub trials: u64,
    /// Steps of all trainings, until they diverged where they did.
    pub steps: u64,
    /// Samples of all steps.
    pub samples: u64,
}

/// A training and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The place of its arm.
    pub arm: usize,
    /// The place of its rate.
    pub rate: usize,
    /// What it was for.
    pub purpose: Purpose,
    /// The place of its seeds among the protocol's for this purpose.
    pub seed: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a training is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To leave out rates early: a part of the steps.
    Rung,
    /// To choose a rate.
    Tuning,
    /// To be compared.
    Final,
    /// To compare an arm with itself.
    Check,
}
