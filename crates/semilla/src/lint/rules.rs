//! All rules, one after the other.

use std::collections::HashMap;

use super::finding::{Finding, Rule, Severity};
use super::subject::Subjects;
use super::{
    activations, biases, depth, dropout, embeddings, fans, heads, kept, precision, symmetry,
    truncation, zeros,
};
use crate::graph::Graph;
use crate::model::Model;
use crate::plan::Plan;

const RULES: [fn(&Subjects<'_>) -> Vec<Finding>; 16] = [
    fans::misread,
    truncation::bounds,
    depth::twice,
    depth::products,
    depth::scores,
    heads::logits,
    kept::unspoken,
    symmetry::units,
    zeros::normalizations,
    zeros::products,
    activations::selu,
    activations::saturated,
    activations::stacks,
    precision::underflow,
    embeddings::vocabulary,
    biases::outweighing,
];

/// The likely mistakes of a plan for a model, warnings first. What checkpoints give is not looked
/// at. A graph shows more than tensors do: where there is one, dropout is looked for in it.
pub fn lint(plan: &Plan, model: &Model, graph: Option<&Graph>) -> Vec<Finding> {
    let subjects = Subjects::of(plan, model);
    let mut found: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&subjects)).collect();
    found.extend(graph.into_iter().flat_map(dropout::behind_selu));
    together(found)
}

/// Findings that say the same, as one.
fn together(found: Vec<Finding>) -> Vec<Finding> {
    let mut places: HashMap<(Rule, Severity, String, String), usize> = HashMap::new();
    let mut joined: Vec<Finding> = Vec::new();
    for finding in found {
        let Finding {
            rule,
            severity,
            reason,
            remedy,
            ..
        } = &finding;
        let said = (*rule, *severity, reason.clone(), remedy.clone());
        let place = *places.entry(said).or_insert(joined.len());
        match joined.get_mut(place) {
            Some(earlier) => earlier.tensors.extend(finding.tensors),
            None => joined.push(finding),
        }
    }
    joined.sort_by_key(|finding| finding.severity);
    joined
}
