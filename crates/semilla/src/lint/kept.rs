//! Parameters that nobody speaks of.

use super::finding::{Finding, Rule, Severity};
use super::subject::Subjects;
use crate::model::Role;
use crate::plan::Disposition;
use crate::recipe::NO_RULE;

/// Parameters that keep the values of the file because no rule matched them, in a plan that makes
/// others.
pub(super) fn unspoken(subjects: &Subjects<'_>) -> Vec<Finding> {
    let makes_others = subjects.made().any(|own| own.role().is_matrix());
    let is_computed = |role: Role| {
        matches!(
            role,
            Role::Counter
                | Role::Computed
                | Role::Constant
                | Role::PositionIds
                | Role::RunningMean
                | Role::RunningVar
                | Role::RotaryFrequencies
        )
    };
    let kept = subjects.all().filter(|own| {
        own.line.disposition == Disposition::Kept
            && own.line.reason == NO_RULE
            && own.line.dtype.is_float()
            && !is_computed(own.role())
    });
    let kept = kept.filter(|_| makes_others);
    let found = kept.map(|own| Finding {
        rule: Rule::Kept,
        severity: Severity::Warning,
        tensors: vec![own.name().to_owned()],
        reason: "no rule speaks of it, so it keeps what the file holds, while others start anew"
            .to_owned(),
        remedy: "a rule that matches it; init = \"keep\" there if it is meant to stay".to_owned(),
    });
    found.collect()
}
