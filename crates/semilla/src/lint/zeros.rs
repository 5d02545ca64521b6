//! Zeros that keep each other from learning.

use std::collections::BTreeMap;

use super::finding::{Finding, Rule, Severity};
use super::subject::{Subject, Subjects};
use crate::model::Role;

/// Normalizations that make 0 of everything.
pub(super) fn normalizations(subjects: &Subjects<'_>) -> Vec<Finding> {
    let zero = subjects.made().filter(|own| {
        let off = match own.role() {
            Role::NormWeight => 0.0,
            Role::OffsetNormWeight => -1.0,
            _ => return false,
        };
        own.constant() == Some(off)
    });
    let found = zero.map(|own| Finding {
        rule: Rule::NormScale,
        severity: Severity::Warning,
        tensors: vec![own.name().to_owned()],
        reason: "its scale is 0: nothing of the signal passes, and no gradient".to_owned(),
        remedy: "ones; zeros are for the last normalization of a residual branch".to_owned(),
    });
    found.collect()
}

/// Factors of one product that are all 0: each one's gradient is a multiple of the others.
pub(super) fn products(subjects: &Subjects<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for own in subjects.made().filter(Subject::is_zero) {
        let next = own.tensor.next.as_deref();
        found.extend(
            next.and_then(|name| subjects.named(name))
                .filter(Subject::is_zero)
                .map(|next| both(&own, &next)),
        );
        found.extend(
            adapter(&own, subjects)
                .filter(Subject::is_zero)
                .map(|other| both(&own, &other)),
        );
    }
    for module in modules(subjects).into_values() {
        for (first, second) in PAIRS {
            let zero = |role| {
                let mut own = module.iter().filter(|own| own.role() == role);
                own.find(|own| own.is_zero())
            };
            if let (Some(first), Some(second)) = (zero(first), zero(second)) {
                found.push(both(first, second));
            }
        }
    }
    found.extend(branches(subjects));
    found
}

/// Weights of one module that are multiplied with each other.
const PAIRS: [(Role, Role); 4] = [
    (Role::Query, Role::Key),
    (Role::Value, Role::AttentionOut),
    (Role::MlpGate, Role::MlpIn),
    (Role::MlpIn, Role::MlpOut),
];

fn both(first: &Subject<'_>, second: &Subject<'_>) -> Finding {
    Finding {
        rule: Rule::ZeroProduct,
        severity: Severity::Warning,
        tensors: vec![first.name().to_owned(), second.name().to_owned()],
        reason: "both are 0 and are multiplied with each other: neither gets a gradient, ever"
            .to_owned(),
        remedy: "leave one of them at 0 and draw the other".to_owned(),
    }
}

/// The second factor of a low-rank adapter's first.
fn adapter<'a>(own: &Subject<'a>, subjects: &Subjects<'a>) -> Option<Subject<'a>> {
    const NAMES: [(&str, &str); 5] = [
        ("lora_A", "lora_B"),
        ("lora_a", "lora_b"),
        ("lora_embedding_A", "lora_embedding_B"),
        ("lora_down", "lora_up"),
        ("adapter_down", "adapter_up"),
    ];
    let is_first = own.role() == Role::AdapterIn;
    let other = NAMES.iter().find_map(|(first, second)| {
        let name = own.name();
        name.contains(first).then(|| name.replace(first, second))
    });
    subjects.named(&other.filter(|_| is_first)?)
}

/// The matrices of residual blocks by the module that holds them.
fn modules<'a>(subjects: &Subjects<'a>) -> BTreeMap<&'a str, Vec<Subject<'a>>> {
    let mut modules: BTreeMap<&str, Vec<Subject<'a>>> = BTreeMap::new();
    for own in subjects.made().filter(|own| own.role().is_matrix()) {
        // Consecutive layers of a chain are found by their order.
        if own.tensor.next.is_none() {
            modules.entry(own.parent()).or_default().push(own);
        }
    }
    modules
}

/// Blocks whose branches all end in zeros, and are multiplied by a scale of 0 besides.
fn branches(subjects: &Subjects<'_>) -> Vec<Finding> {
    let found = subjects.blocks().iter().filter_map(|block| {
        let is_end = |own: &&Subject<'_>| {
            matches!(
                own.role(),
                Role::AttentionOut | Role::MlpOut | Role::ResidualOut
            )
        };
        let ends: Vec<&Subject<'_>> = block.iter().filter(is_end).collect();
        let scale = block.iter().find(|own| {
            matches!(own.role(), Role::BranchScale | Role::LastNormWeight) && own.is_zero()
        })?;
        let all_zero = !ends.is_empty() && ends.iter().all(|end| end.is_zero());
        all_zero.then(|| both(ends[0], scale))
    });
    found.collect()
}
