//! The verdict on measurements.

use semilla::number::{counted, rough};
use serde::Serialize;

use super::measurement::Measurement;
use super::trouble::Trouble;

/// How far squared gradients may differ between the ends of a network that still trains, as steps
/// of training see it.
pub(super) const GRADIENTS: f64 = 1e4;
/// The part of a network's differences between samples that must arrive at its end.
pub(super) const DIFFERENCES: f64 = 1e-4;
/// The part of a layer's units that may be dead.
pub(super) const DEAD: f64 = 0.5;

/// What measurements say of a network's first weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether nothing speaks against training it.
    pub passes: bool,
    /// The verdict in one sentence.
    pub sentence: String,
    /// How many arrays the main path has: the depth that the verdict speaks of.
    pub depth: usize,
    /// ln of the squared gradient at the path's start over that at its end, the mean over all
    /// measurements. Positive where gradients explode on their way back.
    pub log_gradients: Option<f64>,
    /// ln of the variance between samples at the path's end over that at its start.
    pub log_differences: Option<f64>,
    /// What the network loses on its way, in nats: the headline.
    pub trouble: Option<Trouble>,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// A value is not a finite number.
    NotFinite {
        /// The weight of the first layer that makes one.
        weight: String,
    },
    /// Squared gradients shrink or grow too much on their way back.
    Gradients {
        /// The factor over the whole path; below 1 they shrink.
        factor: f64,
        /// The depth at which they reach the limit.
        depth: f64,
    },
    /// Samples become too alike on their way forward.
    Alike {
        /// The part of the variance between samples that arrives at the end.
        factor: f64,
    },
    /// A layer's units get no gradient.
    Dead {
        /// The layer's weight.
        weight: String,
        /// The part of its units.
        part: f64,
        /// Whether it makes a value of the main path. Others, such as the gates of a
        /// squeeze-and-excitation, do not hold up what goes around them: that is only noted.
        on_path: bool,
    },
    /// No gradient reaches a weight: it cannot change at first.
    NoGradient {
        /// The weights.
        weights: Vec<String>,
    },
    /// No gradient reaches any weight: none ever changes.
    Stuck {
        /// How many weights there are.
        weights: usize,
    },
}

impl Finding {
    /// Whether it speaks against training.
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Finding::NoGradient { .. } | Finding::Dead { on_path: false, .. }
        )
    }

    /// It in one sentence; `depth` is that of the [`Verdict`].
    pub fn sentence(&self, depth: usize) -> String {
        let layers = counted(depth as u64, "layer", "layers");
        match self {
            Finding::NotFinite { weight } => {
                format!("{weight} makes values that are not finite numbers: it will not train")
            }
            Finding::Gradients {
                factor,
                depth: limit,
            } => {
                let (verb, fold) = match *factor < 1.0 {
                    true => ("shrink", 1.0 / factor),
                    false => ("grow", *factor),
                };
                format!(
                    "squared gradients {verb} {}-fold over {layers}: it will hardly train \
                     past depth {}",
                    rough(fold),
                    limit.floor().max(1.0)
                )
            }
            Finding::Alike { factor } => format!(
                "samples become alike: of their differences {} arrives after {layers}, so \
                 it will hardly train",
                rough(*factor)
            ),
            Finding::Dead { weight, part, .. } => {
                format!("{:.0} % of the units of {weight} are dead", part * 100.0)
            }
            Finding::NoGradient { weights } => format!(
                "no gradient reaches {} at first",
                match &**weights {
                    [one] => one.clone(),
                    many => format!("{} weights, such as {}", many.len(), many[0]),
                }
            ),
            Finding::Stuck { weights: 1 } => {
                "no gradient reaches its weight: it will not train".to_owned()
            }
            Finding::Stuck { weights } => {
                format!("no gradient reaches any of its {weights} weights: it will not train")
            }
        }
    }
}

impl Verdict {
    /// Judges measurements of one network, which differ in the seed of its weights.
    pub fn of(measurements: &[Measurement]) -> Self {
        let depth = measurements.first().map_or(0, |first| first.path.len());
        let mean = |of: &dyn Fn(&Measurement) -> Option<f64>| -> Option<f64> {
            let logs: Option<Vec<f64>> = measurements.iter().map(of).collect();
            let logs = logs.filter(|logs| !logs.is_empty())?;
            Some(logs.iter().sum::<f64>() / logs.len() as f64)
        };
        let log_gradients = mean(&|measured| {
            let (first, last) = measured.ends()?;
            ratio(first.gradient, last.gradient)
        });
        let log_steps = mean(&|measured| {
            let log = *measured.log_steps().first()?;
            log.is_finite().then_some(log)
        });
        let log_differences = mean(&|measured| {
            let (first, last) = measured.ends()?;
            ratio(last.forward.between_samples, first.forward.between_samples)
        });
        let mut findings = Vec::new();
        if let Some(first) = measurements.first() {
            findings.extend(not_finite(first));
            let both = log_gradients.zip(log_steps);
            findings.extend(both.and_then(|(log, steps)| gradients(log, steps, depth)));
            findings.extend(log_differences.and_then(alike));
            findings.extend(dead(first));
            findings.extend(without_gradient(first));
        }
        let worst = findings.iter().find(|finding| finding.is_fatal());
        let sentence = match worst {
            Some(finding) => finding.sentence(depth),
            None => healthy(log_gradients, depth),
        };
        Self {
            passes: worst.is_none(),
            sentence,
            depth,
            log_gradients,
            log_differences,
            trouble: Trouble::of(measurements),
            findings,
        }
    }

    /// Whether squared gradients differ by more than a network bears whose normalizations do not take
    /// the scale of its weights away.
    pub fn is_borne_by_normalizations(&self) -> bool {
        self.passes && self.log_gradients.is_some_and(is_too_much)
    }

    /// Everything that was found but what the verdict itself says, in sentences.
    pub fn remarks(&self) -> Vec<String> {
        let worst = self.findings.iter().position(Finding::is_fatal);
        let others = self
            .findings
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != worst);
        others
            .map(|(_, finding)| finding.sentence(self.depth))
            .collect()
    }
}

/// ln(a / b); `None` if either is not positive.
fn ratio(a: f64, b: f64) -> Option<f64> {
    let log = a.ln() - b.ln();
    log.is_finite().then_some(log)
}

fn healthy(log_gradients: Option<f64>, depth: usize) -> String {
    let layers = counted(depth as u64, "layer", "layers");
    match log_gradients {
        None => "nothing speaks against training it".to_owned(),
        Some(log) if log.abs() < 2f64.ln() => {
            format!("signals stay in scale both ways over {layers}")
        }
        Some(log) => {
            let (verb, fold) = if log < 0.0 {
                ("shrink", -log)
            } else {
                ("grow", log)
            };
            let fold = rough(fold.exp());
            let borne = match is_too_much(log) {
                true => ", which normalizations bear",
                false => "",
            };
            format!("squared gradients {verb} {fold}-fold over {layers}{borne}: it can train")
        }
    }
}

/// Whether one learning rate cannot serve both ends, of whose squared gradients this is the logarithm of
/// the ratio.
fn is_too_much(log: f64) -> bool {
    log.abs() > GRADIENTS.ln()
}

/// `log` is of squared gradients, `seen` what steps of training see of it.
fn gradients(log: f64, seen: f64, depth: usize) -> Option<Finding> {
    let steps = depth.saturating_sub(1).max(1) as f64;
    is_too_much(seen).then(|| Finding::Gradients {
        factor: log.exp(),
        depth: GRADIENTS.ln() / (seen.abs() / steps),
    })
}

fn alike(log: f64) -> Option<Finding> {
    (log < DIFFERENCES.ln()).then(|| Finding::Alike { factor: log.exp() })
}

fn not_finite(measured: &Measurement) -> Option<Finding> {
    let broken = measured
        .layers
        .iter()
        .find(|layer| !layer.forward.second_moment.is_finite())?;
    Some(Finding::NotFinite {
        weight: broken.weight.clone(),
    })
}

fn dead(measured: &Measurement) -> Vec<Finding> {
    let dead = measured.layers.iter().filter_map(|layer| {
        let part = layer.backward?.dead;
        // Where all are without a gradient, something behind the layer holds it back.
        let is_dead = layer.activated.is_some() && part > DEAD && part < 1.0;
        is_dead.then(|| Finding::Dead {
            weight: layer.weight.clone(),
            part,
            on_path: measured.is_on_path(layer),
        })
    });
    dead.collect()
}

fn without_gradient(measured: &Measurement) -> Option<Finding> {
    let weights: Vec<String> = (measured.layers.iter())
        .filter(|layer| layer.weight_gradient.unwrap_or(0.0) == 0.0)
        .map(|layer| layer.weight.clone())
        .collect();
    match weights.len() {
        0 => None,
        // One weight with a gradient wakes the others; biases alone do not.
        all if all == measured.layers.len() => Some(Finding::Stuck { weights: all }),
        _ => Some(Finding::NoGradient { weights }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_normalizations_bear_is_said_to_be_borne() {
        let plain = "squared gradients grow 1,000-fold over 9 layers: it can train";
        assert_eq!(healthy(Some(1000f64.ln()), 9), plain);
        let borne = "squared gradients grow 240,000-fold over 9 layers, which normalizations bear: \
                     it can train";
        assert_eq!(healthy(Some(240_000f64.ln()), 9), borne);
    }
}
