//! Linear layers and tables.

use super::site::Site;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::model::Role;
use crate::network::draft::Flow;

/// `linear(out, bias=true, layout='OI', tied=null)`: on the last axis.
pub(super) fn linear(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let outputs = site.given.size("out")?;
    let inputs = site.x.features();
    let by_outputs = site.given.choice("layout", &["OI", "IO"])? == "OI";
    let shape = match by_outputs {
        true => [outputs, inputs],
        false => [inputs, outputs],
    };
    let weight = site.weight_or_tied(&shape)?;
    let bias = site.bias(outputs)?;
    let x = site.x.name.clone();
    let name = match (site.x.sizes.len(), &bias) {
        // Rows of samples: one operator.
        (1, _) => {
            let mut inputs = vec![&*x, &*weight];
            inputs.extend(bias.as_deref());
            let node = Node::new("Gemm", &inputs, &[]);
            let node = node.with("transB", Attribute::Int(by_outputs.into()));
            site.draft.put(node)?
        }
        (_, bias) => {
            let matrix = match by_outputs {
                true => site.draft.node("Transpose", &[&weight])?,
                false => weight.clone(),
            };
            let product = site.draft.node("MatMul", &[&x, &matrix])?;
            match bias {
                Some(bias) => site.draft.node("Add", &[&product, bias])?,
                None => product,
            }
        }
    };
    if site.draft.is_mixed(&x) {
        site.draft
            .state(&weight, |facts| facts.role(Role::AttentionOut));
    }
    // A shared table stays one.
    if site.given.get("tied").is_none() {
        site.draft.made(&name, &weight);
    }
    let mut sizes = site.x.sizes.clone();
    sizes.pop();
    sizes.push(outputs);
    Ok(site.made(name, sizes))
}

/// `embedding(rows, width)`: the row of each word.
pub(super) fn embedding(site: &mut Site<'_>) -> Result<Flow, Problem> {
    if !site.x.is_words {
        return Err(Problem::other(format!(
            "what comes in are numbers, {}; an embedding looks up words",
            site.x.shape()
        )));
    }
    let shape = [site.given.size("rows")?, site.given.size("width")?];
    let table = site.weight_or_tied(&shape)?;
    site.draft
        .state(&table, |facts| facts.role(Role::Embedding));
    let words = site.x.name.clone();
    let name = site.draft.node("Gather", &[&table, &words])?;
    let mut sizes = site.x.sizes.clone();
    sizes.push(shape[1]);
    Ok(site.made(name, sizes))
}
