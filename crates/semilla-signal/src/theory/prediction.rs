//! What theory says of a network.

use std::fmt;

use semilla::number::rough;
use serde::Serialize;

/// What theory says of a network's signals and gradients, without running it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Prediction {
    /// The layers that theory reaches, in the order in which they run.
    pub layers: Vec<Predicted>,
    /// How many values through which all signals go there are, one per layer or block.
    pub depth: usize,
    /// The expected logarithm of the squared gradient at the main path's start over that at its
    /// end, as in [`Verdict::log_gradients`](crate::Verdict::log_gradients).
    pub log_gradients: Option<f64>,
    /// The same as steps of training see it: of a way along weights whose scale a normalization takes
    /// away, half.
    pub log_steps: Option<f64>,
    /// The expected logarithm of the variance between samples at the path's end over that at its
    /// start.
    pub log_differences: Option<f64>,
    /// The same of the second moment.
    pub log_lengths: Option<f64>,
    /// How deep signals and gradients reach; `None` of short paths, and where theory ends.
    pub reach: Option<Reach>,
    /// The singular values of the Jacobian along the main path.
    pub isometry: Option<Isometry>,
    /// The tangent kernel; `None` of networks with positions, and where theory ends.
    pub tangent: Option<Tangent>,
    /// The probability that no sample gets through some activation of the main path, all units of
    /// which are 0: such a network is constant and does not train (Lu, Shin, Su & Karniadakis 2020).
    /// Of one sample it is exact; of several, narrow networks are dead more often, since their
    /// samples' likeness strays.
    /// `None` without activations that are 0 below 0, and of those with several places.
    pub born_dead: Option<f64>,
    /// Where theory ends, and why.
    pub ends: Vec<End>,
    /// What was taken for true beyond the theory's rules, in sentences.
    pub assumed: Vec<String>,
}

/// What theory says of a layer: of what it makes, before an activation, its bias added.
///
/// Moments are means over random weights; the spreads say how far one network strays from them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Predicted {
    /// The name of its weight.
    pub weight: String,
    /// The mean of all elements.
    pub mean: f64,
    /// How far the mean of one network strays from it: a standard deviation.
    pub mean_spread: Option<f64>,
    /// The mean of their squares.
    pub second_moment: f64,
    /// How much samples differ: the variance over samples, averaged over places. `None` where it is
    /// not determined.
    pub between_samples: Option<f64>,
    /// The cosine of two samples.
    pub cosine: Option<f64>,
    /// How far the mean cosine of one network's samples strays from it: a standard deviation.
    pub cosine_spread: Option<f64>,
    /// The squared norm of a sample's gradient, as a factor of that at the output. `None` where
    /// theory ends between here and the output.
    pub gradient: Option<f64>,
    /// The part of its units that are 0 behind its activation for all samples, if that is 0 below 0
    /// and each unit has one place.
    pub dead: Option<f64>,
    /// The factor on the squared norm of gradients from the next value on the main path to this
    /// one: χ₁ of a layer of a chain.
    pub chi1: Option<f64>,
    /// The spreads of single networks.
    pub spread: Spreads,
    /// Whether its signal is known roughly only, so that a distance from it says nothing.
    pub is_rough: bool,
    /// The same of its gradient.
    pub is_gradient_rough: bool,
    /// Why one of them is, or both are: where it lies.
    pub rough_because: Option<&'static str>,
}

/// How far single networks stray from the mean of all, by finite width, and by how much the
/// typical one is below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spreads {
    /// Of the second moment.
    pub second_moment: Spread,
    /// Of the variance between samples.
    pub between_samples: Spread,
    /// Of the gradient's squared norm.
    pub gradient: Spread,
}

/// The spread of a quantity's logarithm over random weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Its standard deviation.
    pub deviation: f64,
    /// Its mean less the logarithm of the quantity's mean; not above 0. The median is the mean
    /// times e to the power of this.
    pub drift: f64,
}

/// How deep signals and gradients reach, in steps of the main path: layers of a plain chain, blocks
/// of a residual one. By the typical step of the path's last quarter, as if it went on like that
/// (Schoenholz et al. 2017, sections 3 to 5).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reach {
    /// χ₁: the factor on squared gradients per step, going back.
    pub gradient_factor: f64,
    /// ξ_∇ = 1/|ln χ₁|: the steps over which they change e-fold; `None` if they stay.
    pub gradient: Option<f64>,
    /// χ_c: the slope of the map of correlations where two samples end. `None` if samples are not
    /// taken one by one, as by batch normalization.
    pub correlation_slope: Option<f64>,
    /// ξ_c = -1/ln χ_c: the steps over which the network forgets how alike two samples were; `None`
    /// if it does not.
    pub correlation: Option<f64>,
    /// 6 ξ_c: to about this depth such networks were seen to train.
    pub trainable: Option<f64>,
}

/// What theory says of the squared singular values s² between the ends of the main path, over as
/// many as the smaller end has elements ([`Jacobian`](crate::Jacobian) measures them).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Isometry {
    /// The mean of s².
    pub mean_square: f64,
    /// The variance of s² over its squared mean: each layer of n units behind m adds n/m if its
    /// weights are independent, 0 if they are orthogonal, and each activation E φ'⁴/(E φ'²)² - 1
    /// (Pennington, Schoenholz & Ganguli 2017, section 2). `None` behind pooling, attention and
    /// gates.
    pub spread: Option<f64>,
}

/// The tangent kernel on some samples, all pairs of which are taken for alike
/// ([`Kernel`](crate::Kernel) measures it).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tangent {
    /// The samples.
    pub samples: usize,
    /// The largest eigenvalue over the smallest; `None` where the smallest is 0. Of real samples,
    /// which are not all alike, it is larger.
    pub condition: Option<f64>,
    /// How many samples its eigenvalues amount to: (Σλ)²/Σλ².
    pub effective_rank: f64,
}

/// A place where theory ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct End {
    /// The operator and the name of the node, or the name of a weight or input.
    pub at: String,
    /// Why.
    pub because: String,
}

impl Prediction {
    /// What theory says of the layer with this weight.
    pub fn layer(&self, weight: &str) -> Option<&Predicted> {
        self.layers.iter().find(|layer| layer.weight == weight)
    }
}

impl fmt::Display for Prediction {
    /// What it expects of the main path, and where it ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.log_gradients, self.log_differences) {
            (None, None) => f.write_str("nothing to say of the whole network")?,
            (gradients, differences) => {
                if let Some(log) = gradients {
                    let steps = self.depth.saturating_sub(1).max(1) as f64;
                    let per_layer = (log / steps).exp();
                    write!(
                        f,
                        "squared gradients {} over {} layers (× {per_layer:.4} per layer)",
                        change(log),
                        self.depth
                    )?;
                }
                if let Some(log) = differences {
                    let comma = if gradients.is_some() { ", " } else { "" };
                    write!(f, "{comma}differences between samples {}", change(log))?;
                }
            }
        }
        match &*self.ends {
            [] => Ok(()),
            [first, rest @ ..] => {
                write!(f, "; it ends at {}: {}", first.at, first.because)?;
                match rest.len() {
                    0 => Ok(()),
                    more => write!(f, ", and at {more} more"),
                }
            }
        }
    }
}

impl fmt::Display for Reach {
    /// How deep such a network can be, and over how many steps gradients change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.correlation_slope, self.correlation, self.trainable) {
            (_, Some(scale), Some(depth)) => write!(
                f,
                "it forgets how alike samples were over ξ = {} layers; such networks trained to \
                 depth {} (6 ξ)",
                rough(scale),
                rough(depth)
            )?,
            (None, ..) => f.write_str("samples are not taken one by one")?,
            _ => f.write_str("samples become alike by no fixed factor per layer")?,
        }
        match self.gradient {
            None => f.write_str("; gradients keep their size"),
            Some(scale) => {
                let verb = match self.gradient_factor < 1.0 {
                    true => "shrink",
                    false => "grow",
                };
                write!(
                    f,
                    "; squared gradients {verb} e-fold over {} layers",
                    rough(scale)
                )
            }
        }
    }
}

/// A factor by its logarithm.
fn change(log: f64) -> String {
    match log {
        _ if log.abs() < 1.25f64.ln() => "stay".to_owned(),
        _ if log < 0.0 => format!("shrink {}-fold", rough((-log).exp())),
        _ => format!("grow {}-fold", rough(log.exp())),
    }
}
