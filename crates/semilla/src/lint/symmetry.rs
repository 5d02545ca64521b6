//! Layers whose units start equal.

use super::finding::{Finding, Rule, Severity};
use super::subject::{Subject, Subjects};
use crate::model::Role;
use crate::number::rounded;

/// Hidden layers of one value: units that compute the same get the same gradients, unless
/// something else tells them apart; zeros in a chain let nothing through.
pub(super) fn units(subjects: &Subjects<'_>) -> Vec<Finding> {
    let found = subjects.made().filter_map(|subject| {
        let value = subject.constant()?;
        if !is_hidden(subject.role()) || subject.units() < 2 {
            return None;
        }
        let bias = subjects.beside(subject.name(), "weight", "bias");
        match value == 0.0 {
            true => blocked(subject),
            // Random biases tell the units apart.
            false if bias.is_some_and(|bias| bias.constant().is_none()) => None,
            false => Some(equal(subject, value)),
        }
    });
    found.collect()
}

/// Roles whose weights are not meant to start at one value.
fn is_hidden(role: Role) -> bool {
    let is_zero_at_first = matches!(role, Role::Modulation | Role::Steering | Role::DiffusionOut);
    role.is_matrix() && role != Role::Head && !is_zero_at_first
}

fn equal(subject: Subject<'_>, value: f64) -> Finding {
    Finding {
        rule: Rule::Symmetry,
        severity: Severity::Warning,
        tensors: vec![subject.name().to_owned()],
        reason: format!(
            "all weights are {}: its {} units compute the same, and stay alike as long as what \
             follows treats them alike",
            rounded(value),
            subject.units()
        ),
        remedy: "random or orthogonal weights".to_owned(),
    }
}

/// Zeros that everything must pass.
fn blocked(subject: Subject<'_>) -> Option<Finding> {
    let ends_branch = matches!(
        subject.role(),
        Role::AttentionOut | Role::MlpOut | Role::ResidualOut
    );
    let is_plain = subject.tensor.next.is_some() && subject.tensor.depth.is_none();
    (is_plain && !ends_branch).then(|| Finding {
        rule: Rule::Symmetry,
        severity: Severity::Warning,
        tensors: vec![subject.name().to_owned()],
        reason: "all weights are 0 in a chain of layers: nothing of the input passes, and no \
                 gradient reaches the layers before"
            .to_owned(),
        remedy: "random or orthogonal weights; zeros are for the ends of residual branches"
            .to_owned(),
    })
}
