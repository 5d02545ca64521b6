//! How deep signals and gradients reach.

use super::prediction::Reach;
use super::whole::Whole;

/// Logarithms of slopes this near to 0 are taken for 0: maps of activations leave that undecided.
const NEUTRAL: f64 = 1e-3;
/// Steps of the main path before this many say nothing of its end.
const FEWEST: usize = 2;

/// How deep they reach, by the last quarter of the main path: the typical step there. `None` of short
/// paths, or where theory ends.
pub(super) fn reach(whole: &Whole) -> Option<Reach> {
    let steps: Vec<Step> = whole
        .path
        .windows(2)
        .map(|two| step(whole, two[0].id, two[1].id))
        .collect::<Option<_>>()?;
    if steps.len() < FEWEST {
        return None;
    }
    let late = &steps[steps.len() * 3 / 4..];
    let gradient = median(late.iter().map(|step| step.gradient));
    let alike = median(late.iter().map(|step| step.gradient - step.length));
    let apart: Option<Vec<f64>> = late
        .iter()
        .map(|step| Some(step.apart? - step.length))
        .collect();
    // Of like samples the map of correlations has the slope of like gradients: up to 1, all become
    // alike. Else they go to where the map's slope is below 1.
    let correlation = apart.map(|apart| match alike <= NEUTRAL {
        true => alike,
        false => median(apart.into_iter()),
    });
    let layers = |log: f64| (log.abs() > NEUTRAL).then(|| 1.0 / log.abs());
    let scale = correlation.filter(|log| *log < 0.0).and_then(layers);
    Some(Reach {
        gradient_factor: gradient.exp(),
        gradient: layers(gradient),
        correlation_slope: correlation.map(f64::exp),
        correlation: scale,
        trainable: scale.map(|scale| SCALES * scale),
    })
}

/// Networks train up to a depth of about so many ξ_c: Schoenholz et al. 2017, section 5.
const SCALES: f64 = 6.0;

/// Logarithms of what a step does on the main path.
struct Step {
    /// Of the factor on squared gradients, going back: χ₁.
    gradient: f64,
    /// Of the factor on what two samples' gradients have in common; `None` where they have nothing.
    apart: Option<f64>,
    /// Of the factor on second moments.
    length: f64,
}

fn step(whole: &Whole, from: usize, to: usize) -> Option<Step> {
    let log = |id| Some(whole.gradient(id)?.value.ln());
    let gradient = log(from)? - log(to)?;
    let common = |id| whole.in_common(id).filter(|part| *part > 0.0).map(f64::ln);
    let apart = common(from)
        .zip(common(to))
        .map(|(from, to)| gradient + from - to);
    let square = |id| whole.node(id).signal.square().ln();
    let length = square(to) - square(from);
    (gradient + length).is_finite().then_some(Step {
        gradient,
        apart,
        length,
    })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    (low + high) / 2.0
}
