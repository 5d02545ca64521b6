//! What a recommendation says.

use semilla::Stack;
use serde::Serialize;

use crate::measure::{Finding, Trouble, Verdict};
use crate::theory::Prediction;

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
    /// What theory expects of it.
    pub expected: Option<Expected>,
    /// What a run shows.
    pub outcome: Outcome,
}

/// What theory expects of a network, nothing being run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// ln of the factor on squared gradients, from the main path's end back to its start.
    pub log_gradients: f64,
    /// The same as steps of training see it: where normalizations take the scale of weights away,
    /// half of it.
    pub log_steps: f64,
    /// ln of the factor on the second moment, from its start to its end.
    pub log_variance: f64,
    /// What the network loses of both and of what tells samples apart, in nats, as
    /// [`Trouble::total`] without directions; `None` where only plain chains were followed.
    pub lost: Option<f64>,
}

/// Starts that lose so many nats more than the best of which theory says all are not run: a network
/// that loses as much hardly trains, and theory and measurements agree within a few.
const BEHIND: f64 = 9.0;

/// Networks of which theory expects that they lose more than this (in nats), or that squared
/// gradients differ by more as steps see it, are not run. Beyond the verdict's limit, with room for what theory
/// leaves out.
const HOPELESS: f64 = 18.0;

/// What it costs, in nats, that no gradient reaches some weights at first, as in branches that start
/// silent: short trainings spend their steps on waking them.
const WAITING: f64 = 3.0;

impl Expected {
    /// Whether theory alone says that it trains far worse than one that loses this much.
    pub(super) fn is_behind(&self, least: f64) -> bool {
        self.lost.is_some_and(|lost| lost > least + BEHIND)
    }

    /// Whether theory alone says that a network cannot train.
    pub fn is_hopeless(&self) -> bool {
        self.log_steps.abs() > HOPELESS || self.lost.is_some_and(|lost| lost > HOPELESS)
    }

    /// What it loses, in nats.
    pub(super) fn loses(&self) -> f64 {
        self.lost.unwrap_or(self.log_steps.abs())
    }

    /// What is expected of a whole graph; `None` where theory ends on its main path.
    pub fn of_network(prediction: &Prediction) -> Option<Self> {
        let (log_gradients, log_variance) = (prediction.log_gradients?, prediction.log_lengths?);
        let alike = prediction.log_differences.map(|log| log_variance - log);
        let log_steps = prediction.log_steps?;
        let lost = |alike: f64| {
            Trouble::new(log_steps.abs(), log_gradients.abs(), alike.max(0.0), 0.0).total
        };
        Some(Self {
            log_gradients,
            log_steps,
            log_variance,
            lost: alike.map(lost),
        })
    }

    /// What is expected of a plan's stacks, the worst of them; `None` of none.
    pub fn of(stacks: &[Stack]) -> Option<Self> {
        let each = stacks.iter().map(|stack| Self {
            log_gradients: stack.gradients.ln(),
            log_steps: stack.gradients.ln(),
            log_variance: stack.variance.ln(),
            lost: None,
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
    /// Theory puts it far behind the best: it was not run.
    Behind,
    /// It does not fit the model, or gives what cannot be run.
    Unfit {
        /// Why.
        why: String,
    },
}

impl Ranked {
    /// A number to sort by: less is better.
    pub(super) fn rank(&self) -> f64 {
        match &self.outcome {
            Outcome::Measured { verdict } => {
                // Of networks without a main path, all that the verdict lets pass are alike.
                let total = verdict.trouble.map_or(0.0, |trouble| trouble.total);
                let waits = (verdict.findings.iter())
                    .any(|finding| matches!(finding, Finding::NoGradient { .. }));
                let waiting = if waits { WAITING } else { 0.0 };
                total + waiting + if verdict.passes { 0.0 } else { 1e3 }
            }
            Outcome::Behind => 1e5 + self.expected.map_or(0.0, |expected| expected.loses()),
            Outcome::Hopeless => 1e6 + self.expected.map_or(0.0, |expected| expected.loses()),
            Outcome::Unfit { .. } => 1e9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn theory_of_a_graph_counts_gradients_and_likeness() {
        let prediction = |log_differences| Prediction {
            log_gradients: Some(-5.0),
            log_steps: Some(-5.0),
            log_lengths: Some(1.0),
            log_differences: Some(log_differences),
            ..Prediction::default()
        };
        let expected = |log| Expected::of_network(&prediction(log)).unwrap();
        // Gradients beyond e³, and what tells samples apart as a part of the signal.
        assert_eq!(expected(-3.0).lost, Some(2.0 + 4.0));
        assert!(!expected(-3.0).is_hopeless() && expected(-19.0).is_hopeless());
        assert_eq!(expected(9.0).lost, Some(2.0));
        assert_eq!(Expected::of_network(&Prediction::default()), None);
    }
}
