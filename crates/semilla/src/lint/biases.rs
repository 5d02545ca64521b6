//! Biases.

use super::finding::{Finding, Rule, Severity};
use super::subject::{Subject, Subjects};
use crate::model::Role;
use crate::number::rounded;

/// A random bias may be this much of what the weights make of unit inputs.
const RANDOM: f64 = 1.05;
/// A constant one, which shifts all units alike.
const SHIFT: f64 = 3.0;

/// Biases of hidden layers that outweigh what the weights make of inputs of unit variance.
pub(super) fn outweighing(subjects: &Subjects<'_>) -> Vec<Finding> {
    let biases = subjects
        .made()
        .filter(|own| own.role() == Role::Bias && own.tensor.bias_of != Some(Role::Head));
    let found = biases.filter_map(|bias| {
        let weight = subjects.beside(bias.name(), "bias", "weight")?;
        if weight.role() == Role::Head || weight.is_zero() {
            return None;
        }
        finding(bias, bias.root_mean_square()?, weight.gain()?)
    });
    found.collect()
}

fn finding(bias: Subject<'_>, size: f64, gain: f64) -> Option<Finding> {
    let (limit, what) = match bias.constant() {
        Some(_) => (SHIFT * gain.max(1.0), "shifts every unit by"),
        None => (RANDOM * gain, "has a root mean square of"),
    };
    (size > limit).then(|| Finding {
        rule: Rule::Bias,
        severity: Severity::Note,
        tensors: vec![bias.name().to_owned()],
        reason: format!(
            "it {what} {}, and the weights make {} of unit inputs: samples hardly differ behind it",
            rounded(size),
            rounded(gain)
        ),
        remedy: "zeros, or a standard deviation well below the weights' gain".to_owned(),
    })
}
