//! What a recommendation says.

use semilla::Stack;
use serde::Serialize;

use crate::measure::Verdict;

/// Which first weights suit a network.
#[derive(Clone, Debug, Serialize)]
pub struct Recommendation {
    /// The advice in one sentence.
    pub sentence: String,
    /// What else would help, if anything: a change to the network itself.
    pub advice: Option<String>,
    /// The recipe of the best, as TOML: rules that state exactly its tensors.
    pub recipe: String,
    /// All candidates, the best first.
    pub ranked: Vec<Ranked>,
}

impl Recommendation {
    /// The candidate that is recommended.
    pub fn best(&self) -> Option<&Ranked> {
        self.ranked.first()
    }
}

/// A candidate in its place.
#[derive(Clone, Debug, Serialize)]
pub struct Ranked {
    /// Its name.
    pub name: String,
    /// The options of `semilla init` that give it, where it has a name of its own.
    pub options: Option<String>,
    /// Whether no difference from the best is expected.
    pub is_tied: bool,
    /// What theory expects of its plain stacks.
    pub expected: Option<Expected>,
    /// What a run shows.
    pub outcome: Outcome,
}

/// What theory expects of a plain stack: the worst of a model's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// ln of the factor on squared gradients, from the last layer back to the first.
    pub log_gradients: f64,
    /// ln of the factor on the variance of pre-activations.
    pub log_variance: f64,
}

/// Networks whose squared gradients theory expects to differ more than this between the ends (in
/// nats) are not run. Beyond the verdict's limit, with room for what theory leaves out.
const HOPELESS: f64 = 18.0;

impl Expected {
    /// Whether theory alone says that a network cannot train.
    pub fn is_hopeless(&self) -> bool {
        self.log_gradients.abs() > HOPELESS
    }

    /// What is expected of a plan's stacks; `None` of none.
    pub fn of(stacks: &[Stack]) -> Option<Self> {
        let each = stacks.iter().map(|stack| Self {
            log_gradients: stack.gradients.ln(),
            log_variance: stack.variance.ln(),
        });
        each.max_by(|a, b| a.log_gradients.abs().total_cmp(&b.log_gradients.abs()))
    }
}

/// What a run shows of a candidate.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// It was measured.
    Measured {
        /// The verdict.
        verdict: Box<Verdict>,
    },
    /// Theory rules it out: it was not run.
    Hopeless,
    /// It does not fit the model, or gives what cannot be run.
    Unfit {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// A number to sort by: less is better.
    pub(super) fn rank(&self) -> f64 {
        match self {
            Self::Measured { verdict } => {
                // Of networks without a main path, all that the verdict lets pass are alike.
                let total = verdict.trouble.map_or(0.0, |trouble| trouble.total);
                total + if verdict.passes { 0.0 } else { 1e3 }
            }
            Self::Hopeless => 1e6,
            Self::Unfit { .. } => 1e9,
        }
    }
}
