//! Dropout in graphs.

use std::collections::HashMap;

use super::finding::{Finding, Rule, Severity};
use crate::activation::Activation;
use crate::graph::{Attribute, Graph, Node};

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
            if node.standard() == Some("Dropout") && maker.is_some_and(|maker| is_selu(maker)) {
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

fn is_selu(node: &Node) -> bool {
    let function = match node.attribute("function") {
        Some(Attribute::Text(text)) => text.parse::<Activation>().ok(),
        _ => None,
    };
    node.standard() == Some("Selu") || function == Some(Activation::Selu)
}
