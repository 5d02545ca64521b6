//! Weights that do not suit the activation behind them.

use super::finding::{Finding, Rule, Severity};
use super::subject::{Subject, Subjects};
use crate::activation::{Activation, Function};
use crate::fill::Fill;
use crate::gaussian;
use crate::number::{rough, rounded};
use crate::plan::Stack;

/// SELU keeps mean 0 and variance 1 at gain 1; down to PyTorch's 3/4 it is near-critical.
const SELU: std::ops::Range<f64> = 0.7..1.15;
/// A slope below this part of the greatest is flat.
const FLAT: f64 = 0.1;
/// The part of units that may start where the activation is flat.
const SATURATED: f64 = 0.5;
/// Signals and squared gradients may change by this factor over a stack.
const STACK: f64 = 1e4;

/// Weights before SELU that are not LeCun's.
pub(super) fn selu(subjects: &Subjects<'_>) -> Vec<Finding> {
    let layers = plain(subjects).filter(|own| own.tensor.activation == Some(Activation::Selu));
    let found = layers.filter_map(|own| {
        // A tall orthogonal matrix keeps norms, not variances.
        let is_orthogonal = matches!(own.line.fill, Fill::Orthogonal { .. });
        let gain = own.gain().filter(|_| !is_orthogonal)?;
        (gain != 0.0 && !SELU.contains(&gain)).then(|| Finding {
            rule: Rule::Selu,
            severity: Severity::Note,
            tensors: vec![own.name().to_owned()],
            reason: format!(
                "its gain is {}; SELU keeps signals at mean 0 and variance 1 with gain 1",
                rounded(gain)
            ),
            remedy: "lecun_normal, or orthogonal".to_owned(),
        })
    });
    found.collect()
}

/// Layers of which most units start where their activation is flat.
pub(super) fn saturated(subjects: &Subjects<'_>) -> Vec<Finding> {
    let found = plain(subjects).filter_map(|own| {
        let activation = own.tensor.activation?;
        let gain = own.gain()?;
        let edge = flat_from(activation)?;
        let input = match own.tensor.is_input {
            true => 1.0,
            false => inputs(activation, gain)?,
        };
        let spread = gain * input;
        let part = 2.0 * gaussian::cdf(-edge / spread);
        (spread > 0.0 && part > SATURATED).then(|| Finding {
            rule: Rule::Saturation,
            severity: Severity::Warning,
            tensors: vec![own.name().to_owned()],
            reason: format!(
                "what it makes has a standard deviation of {}: {} % of the units start where \
                 {activation} is flat",
                rounded(spread),
                rounded((100.0 * part).round()),
            ),
            remedy: "a smaller gain".to_owned(),
        })
    });
    found.collect()
}

/// Layers whose outputs go through their activation as they are.
fn plain<'a>(subjects: &Subjects<'a>) -> impl Iterator<Item = Subject<'a>> {
    subjects.made().filter(|own| !own.tensor.is_normalized)
}

/// From where on a saturating activation is flat; `None` of one that does not saturate on both
/// sides.
fn flat_from(activation: Activation) -> Option<f64> {
    const FAR: f64 = 64.0;
    let greatest = activation.derivative(0.0).abs();
    let is_flat = |x: f64| {
        activation.derivative(x).abs() < FLAT * greatest
            && activation.derivative(-x).abs() < FLAT * greatest
    };
    let is_bounded = activation
        .value(FAR)
        .abs()
        .max(activation.value(-FAR).abs())
        < 2.0;
    // Sines are bounded, and flat nowhere for long.
    let stays = (1..=8).all(|i| is_flat(FAR * f64::from(i)));
    if greatest == 0.0 || !is_bounded || !stays {
        return None;
    }
    let (mut low, mut high) = (0.0, FAR);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match is_flat(middle) {
            true => high = middle,
            false => low = middle,
        }
    }
    Some(high)
}

/// The root mean square of what a layer of this gain hands on.
fn inputs(activation: Activation, gain: f64) -> Option<f64> {
    let moments = Function::from(activation).moments(0.0, gain * gain).ok()?;
    Some(moments.square.sqrt())
}

/// Plain stacks in which signals or gradients vanish or explode.
pub(super) fn stacks(subjects: &Subjects<'_>) -> Vec<Finding> {
    let judged = subjects.plan.stacks.iter();
    let found = judged.filter_map(|stack| {
        let gone = |factor: f64| !(STACK.recip()..=STACK).contains(&factor);
        let reason = match () {
            () if gone(stack.gradients) => change("squared gradients", stack.gradients, stack),
            () if gone(stack.variance) => change("the variance of signals", stack.variance, stack),
            () => return None,
        };
        let first = subjects.named(stack.tensors.first()?)?;
        Some(Finding {
            rule: Rule::Depth,
            severity: Severity::Warning,
            tensors: stack.tensors.clone(),
            reason,
            remedy: critical(first.tensor.activation?),
        })
    });
    found.collect()
}

fn change(what: &str, factor: f64, stack: &Stack) -> String {
    let layers = stack.tensors.len();
    match factor {
        0.0 => format!("{what} vanish over {layers} layers"),
        _ if factor < 1.0 => {
            format!(
                "{what}: {}-fold less over {layers} layers",
                rough(factor.recip())
            )
        }
        _ => format!("{what}: {}-fold more over {layers} layers", rough(factor)),
    }
}

/// The start at which gradients keep their size.
fn critical(activation: Activation) -> String {
    let function = Function::from(activation);
    let edge = [0.2, 0.0].into_iter().find_map(|bias| {
        let edge = function.edge_of_chaos(bias).ok()?;
        (edge.fixed_point.q > 0.0).then_some((bias, edge.weight_variance.sqrt()))
    });
    match edge {
        Some((0.0, gain)) => format!("orthogonal or normal weights of gain {}", rounded(gain)),
        Some((bias, gain)) => format!(
            "the edge of chaos of {activation}: gain {}, biases of standard deviation {bias}",
            rounded(gain)
        ),
        None => "normalizations or residual sums between the layers".to_owned(),
    }
}
