//! Fits that go from layer to layer: each looks at what its layer makes of what those before it
//! make.

use std::collections::HashMap;

use semilla::Fit;
use semilla::number::rounded;
use semilla::plan::{Change, Fitted};

use super::error::FitError;
use crate::array::{Array, around};
use crate::executor::{Trace, ValueId};
use crate::measure::Forward;
use crate::measure::flow::Flow;
use crate::measure::layers::{Found, layers};
use crate::train::Network;

/// How far from 1 a variance may stay, and how often a layer is scaled at most: Mishkin & Matas
/// 2016, section 3.
const TOLERANCE: f64 = 0.1;
const TURNS: usize = 10;

/// A layer with what is fitted in it.
struct Work {
    output: ValueId,
    units: usize,
    /// The tensors that are fitted, in the order of the list.
    tensors: Vec<(String, Fit)>,
}

/// The network while it is fitted, and what that costs.
pub(super) struct ByLayer<'n, 'g> {
    network: &'n mut Network<'g>,
    runs: usize,
    samples: usize,
}

impl<'n, 'g> ByLayer<'n, 'g> {
    pub(super) fn of(network: &'n mut Network<'g>, samples: usize) -> Self {
        Self {
            network,
            runs: 0,
            samples,
        }
    }

    /// Fits tensors layer by layer, in the order in which layers run. Answers what was found, and
    /// the forward passes that it took.
    pub(super) fn fit(mut self, fits: &[(String, Fit)]) -> Result<(Vec<Fitted>, usize), FitError> {
        let mut trace = self.run()?;
        let (work, mut found) = work(&trace, self.network, fits);
        for layer in &work {
            // Scales first, then magnitudes, then shifts: each leaves the former as they are.
            for fits in [
                &[Fit::Lsuv, Fit::LsuvBetweenSamples][..],
                &[Fit::UnitVariance],
                &[Fit::Centred],
            ] {
                for (tensor, fit) in layer.tensors.iter().filter(|(_, fit)| fits.contains(fit)) {
                    found.push(match fit {
                        Fit::UnitVariance => self.divide(&mut trace, layer, tensor)?,
                        Fit::Centred => self.centre(&mut trace, layer, tensor)?,
                        fit => self.scale(&mut trace, layer, tensor, *fit)?,
                    });
                }
            }
        }
        Ok((found, self.runs))
    }

    fn run(&mut self) -> Result<Trace<f32>, FitError> {
        self.runs += 1;
        Ok(self.network.run()?)
    }

    /// Scales a weight until the variance of what its layer makes is 1.
    fn scale(
        &mut self,
        trace: &mut Trace<f32>,
        layer: &Work,
        tensor: &str,
        fit: Fit,
    ) -> Result<Fitted, FitError> {
        let variance = |trace: &Trace<f32>| {
            let forward = Forward::of(trace.array(layer.output));
            match fit {
                Fit::LsuvBetweenSamples => forward.between_samples,
                _ => forward.second_moment - forward.mean * forward.mean,
            }
        };
        let words = match fit {
            Fit::LsuvBetweenSamples => "LSUV between samples",
            _ => "LSUV",
        };
        let (mut factor, mut now) = (1.0, variance(trace));
        let before = now;
        for _ in 0..TURNS {
            let by = now.sqrt().recip();
            if (now - 1.0).abs() < TOLERANCE || !by.is_finite() || by == 0.0 {
                break;
            }
            self.network.scale(tensor, by);
            factor *= by;
            *trace = self.run()?;
            now = variance(trace);
        }
        let is_scaled = now.is_finite() && now > 0.0;
        Ok(Fitted {
            name: tensor.to_owned(),
            change: match is_scaled {
                true => Change::Scaled(factor),
                false => Change::Left,
            },
            reason: match is_scaled {
                true => format!(
                    "{words}: std × {} on {} samples (variance {} → {})",
                    rough(factor),
                    self.samples,
                    rough(before),
                    rough(now)
                ),
                false => format!(
                    "{words}: left as it is, since its output has the variance {} on these data",
                    rough(now)
                ),
            },
        })
    }

    /// Divides magnitudes by the deviations of their units; units that are constant keep theirs.
    fn divide(
        &mut self,
        trace: &mut Trace<f32>,
        layer: &Work,
        tensor: &str,
    ) -> Result<Fitted, FitError> {
        let units = units(trace.array(layer.output), layer.units);
        let deviations = units.iter().map(|(_, variance)| variance.sqrt());
        let factors: Vec<f64> = deviations
            .map(|std| {
                if std > 0.0 && std.is_finite() {
                    std.recip()
                } else {
                    1.0
                }
            })
            .collect();
        let reason = format!(
            "divided by the deviation of each unit on {} samples",
            self.samples
        );
        self.each(
            trace,
            tensor,
            &factors,
            |value, factor| value * factor,
            reason,
        )
    }

    /// Takes the mean of each unit off its bias.
    fn centre(
        &mut self,
        trace: &mut Trace<f32>,
        layer: &Work,
        tensor: &str,
    ) -> Result<Fitted, FitError> {
        let units = units(trace.array(layer.output), layer.units);
        let means: Vec<f64> = units.iter().map(|(mean, _)| *mean).collect();
        let reason = format!("less the mean of each unit on {} samples", self.samples);
        self.each(trace, tensor, &means, |value, mean| value - mean, reason)
    }

    /// Changes each element of a tensor by the number of its unit.
    fn each(
        &mut self,
        trace: &mut Trace<f32>,
        tensor: &str,
        units: &[f64],
        change: impl Fn(f64, f64) -> f64,
        reason: String,
    ) -> Result<Fitted, FitError> {
        let name = tensor.to_owned();
        let values = self.network.values(tensor).map(Array::data);
        let values = values.filter(|values| values.len() == units.len());
        let Some(values) = values.filter(|_| units.iter().all(|unit| unit.is_finite())) else {
            let reason = "left as it is: it has not one element for each unit of its layer, or \
                          these are not finite";
            return Ok(Fitted {
                name,
                change: Change::Left,
                reason: reason.to_owned(),
            });
        };
        let changed: Vec<f64> = values
            .iter()
            .zip(units)
            .map(|(&value, &unit)| change(f64::from(value), unit))
            .collect();
        self.network.set(tensor, &changed);
        *trace = self.run()?;
        Ok(Fitted {
            name,
            change: Change::Values(changed),
            reason,
        })
    }
}

/// The layers in which something is fitted, and what is in none.
fn work(
    trace: &Trace<f32>,
    network: &Network<'_>,
    fits: &[(String, Fit)],
) -> (Vec<Work>, Vec<Fitted>) {
    let found = layers(trace, network.graph(), &Flow::of(trace));
    let mut of_tensor: HashMap<&str, usize> = HashMap::new();
    for (place, Found { parameters, .. }) in found.iter().enumerate() {
        for &parameter in parameters {
            of_tensor
                .entry(&trace.weights()[parameter].0)
                .or_insert(place);
        }
    }
    let mut work: Vec<Work> = found
        .iter()
        .map(|layer| Work {
            output: layer.output,
            units: layer.units,
            tensors: Vec::new(),
        })
        .collect();
    let mut left = Vec::new();
    for (tensor, fit) in fits {
        match of_tensor.get(&**tensor) {
            Some(&place) => work[place].tensors.push((tensor.clone(), *fit)),
            None => left.push(Fitted {
                name: tensor.clone(),
                change: Change::Left,
                reason: format!("{fit}: left as it is, since no layer of the graph takes it"),
            }),
        }
    }
    (work, left)
}

/// The mean and the variance of each unit, over samples and places.
fn units(array: &Array<f32>, axis: usize) -> Vec<(f64, f64)> {
    if array.rank() == 0 || axis >= array.rank() {
        return Vec::new();
    }
    let (before, units, after) = around(array.shape(), axis);
    let count = (before * after).max(1) as f64;
    let of = |unit: usize| {
        let values = || {
            (0..before).flat_map(move |outer| {
                array.data()[(outer * units + unit) * after..][..after].iter()
            })
        };
        let mean = values().map(|&x| f64::from(x)).sum::<f64>() / count;
        let squares: f64 = values().map(|&x| (f64::from(x) - mean).powi(2)).sum();
        (mean, squares / count)
    };
    (0..units).map(of).collect()
}

/// Three digits.
pub(super) fn rough(value: f64) -> String {
    rounded(format!("{value:.2e}").parse().unwrap_or(value))
}
