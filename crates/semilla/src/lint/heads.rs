//! Output layers.

use super::finding::{Finding, Rule, Severity};
use super::subject::Subjects;
use crate::model::Role;
use crate::number::{rough, rounded};
use crate::scheme;

/// Logits of unit inputs may have this standard deviation.
const LARGE: f64 = 4.0;

/// Heads whose logits start large: the loss starts far above ln C, and the first steps only undo
/// it.
pub(super) fn logits(subjects: &Subjects<'_>) -> Vec<Finding> {
    let mut asks = subjects.plan.scheme.asks.iter();
    if asks.any(|ask| ask.of == scheme::Subject::Output) {
        return Vec::new();
    }
    let heads = subjects.made().filter(|own| own.role() == Role::Head);
    let found = heads.filter_map(|head| {
        let spread = head.gain().filter(|&gain| gain > LARGE)?;
        let classes = head.units() as f64;
        let tied = match head.is_tied() {
            true => "tied to an embedding, ",
            false => "",
        };
        Some(Finding {
            rule: Rule::Logits,
            severity: Severity::Warning,
            tensors: vec![head.name().to_owned()],
            reason: format!(
                "{tied}it makes logits of standard deviation {} of normalized inputs: the loss \
                 starts near {} instead of ln {classes} = {}",
                rounded(spread),
                rough(loss(classes, spread)),
                rounded(classes.ln()),
            ),
            remedy: "a standard deviation of 1/√width or below (0.02 is usual); or multiply the \
                     logits by 1/√width in the model"
                .to_owned(),
        })
    });
    found.collect()
}

/// The expected cross-entropy of normal logits: ln Σ exp of `classes` of them, which the greatest
/// alone decides beyond a standard deviation of √(2 ln C) (Derrida 1981: the random energy model).
fn loss(classes: f64, spread: f64) -> f64 {
    let limit = (2.0 * classes.ln()).sqrt();
    match spread < limit {
        true => classes.ln() + spread * spread / 2.0,
        false => spread * limit,
    }
}
