//! Dropout in graphs.

use std::collections::HashMap;

use super::finding::{Finding, Rule, Severity};
use crate::activation::Activation;
use crate::graph::{Graph, Node};
use crate::model::activation_of;

/// Dropout right behind SELU: it moves mean and variance off SELU's fixed point.
pub(super) fn behind_selu(graph: &Graph) -> Vec<Finding> {
    let mut found = Vec::new();
    for body in graph.bodies() {
        let made = body.nodes.iter().flat_map(|node| {
            let outputs = node.outputs.iter().filter(|name| !name.is_empty());
            outputs.map(move |name| (&**name, node))
        });
        let makers: HashMap<&str, &Node> = made.collect();
        for node in &body.nodes {
            let maker = node.inputs.first().and_then(|name| makers.get(&**name));
            let is_behind =
                || maker.and_then(|maker| activation_of(maker)) == Some(Activation::Selu);
            if node.standard() == Some("Dropout") && is_behind() {
                found.push(Finding {
                    rule: Rule::Dropout,
                    severity: Severity::Note,
                    tensors: Vec::new(),
                    reason: "dropout follows SELU and moves its mean and variance, which SELU \
                             would keep"
                        .to_owned(),
                    remedy: "alpha dropout (Klambauer et al. 2017, section 3)".to_owned(),
                });
            }
        }
    }
    found.dedup();
    found
}
