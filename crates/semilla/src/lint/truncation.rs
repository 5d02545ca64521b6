//! Bounds of truncated normals.

use super::finding::{Finding, Rule, Severity};
use super::subject::Subjects;
use crate::distribution::Distribution;
use crate::fill::Fill;
use crate::number::rounded;

/// Bounds this many standard deviations away cut less than one value in a million.
const NEVER: f64 = 5.0;
/// The part of the standard deviation that a truncation may leave.
const LEAST: f64 = 0.7;

/// Bounds that never bind, or bind so much that the standard deviation is another.
pub(super) fn bounds(subjects: &Subjects<'_>) -> Vec<Finding> {
    let found = subjects.made().filter(|subject| !subject.is_tied());
    let found = found.flat_map(|subject| {
        let mut laws = Vec::new();
        collect(&subject.line.fill, &mut laws);
        laws.dedup();
        let name = subject.name().to_owned();
        laws.into_iter()
            .filter_map(move |law| finding(&law, name.clone()))
    });
    found.collect()
}

/// The distributions that a fill draws from.
pub(super) fn collect(fill: &Fill, laws: &mut Vec<Distribution>) {
    match fill {
        Fill::Draw(law) => laws.push(*law),
        Fill::Stacked { of } | Fill::Repeated { of, .. } | Fill::Padded { of, .. } => {
            collect(of, laws);
        }
        Fill::Blocks { sections, .. } => {
            sections.iter().for_each(|part| collect(&part.fill, laws));
        }
        _ => {}
    }
}

fn finding(law: &Distribution, tensor: String) -> Option<Finding> {
    let Distribution::TruncatedNormal {
        mean,
        std,
        low,
        high,
    } = *law
    else {
        return None;
    };
    let nearest = (mean - low).min(high - mean) / std;
    let bounds = format!("the bounds {} and {}", rounded(low), rounded(high));
    let (severity, reason, remedy) = if nearest >= NEVER {
        let reason = format!(
            "{bounds} are {} standard deviations away and cut nothing: this is a plain normal",
            rounded(nearest)
        );
        let remedy = "bounds in standard deviations (units = \"std\", a = -2, b = 2), or a plain \
                      normal";
        (Severity::Note, reason, remedy)
    } else if law.std() < LEAST * std {
        let reason = format!(
            "{bounds} leave a standard deviation of {} where {} is written",
            rounded(law.std()),
            rounded(std)
        );
        let remedy = "wider bounds, or a distribution that states the variance (variance_scaling)";
        (Severity::Warning, reason, remedy)
    } else {
        return None;
    };
    Some(Finding {
        rule: Rule::Truncation,
        severity,
        tensors: vec![tensor],
        reason,
        remedy: remedy.to_owned(),
    })
}
