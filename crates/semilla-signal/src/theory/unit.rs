//! Weights scaled on the way, so that each layer makes variance 1.

use std::collections::HashMap;

use semilla::Graph;
use semilla::graph::Initializer;

use super::input::Given;
use super::interpret::follow_scaling;
use super::prediction::End;
use super::scaling::{Scaling, UnitScale};
use super::weights::WeightMoments;

/// The factors that were found, by the weights' names, and where theory ended first.
pub(crate) struct UnitScales {
    pub(crate) found: HashMap<String, UnitScale>,
    pub(crate) end: Option<End>,
}

/// Follows a graph and scales each of these weights where it is met, so that theory expects
/// variance 1 of what its layer makes: AutoInit (Bingham and Miikkulainen 2023, algorithm 1), with
/// the theory of this module for its rules of mean and variance.
pub(crate) fn unit_scales(
    graph: &Graph,
    weights: &dyn Fn(&Initializer) -> Option<WeightMoments>,
    inputs: &[(String, Given)],
    wanted: &[&str],
) -> UnitScales {
    let scaling = Scaling {
        wanted: wanted.iter().map(|&name| name.to_owned()).collect(),
        found: HashMap::new(),
    };
    let (followed, found) = follow_scaling(graph, weights, inputs, scaling);
    UnitScales {
        found,
        end: followed.ends.into_iter().next(),
    }
}
