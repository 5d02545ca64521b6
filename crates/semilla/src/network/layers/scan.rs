//! Selective state spaces.

use super::site::Site;
use crate::activation::Activation;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::network::draft::{Flow, affordable};

/// `selective_scan(states=16, rank)`: a linear recurrence whose steps depend on what comes in (Gu,
/// Dao 2023, algorithm 2). For each feature u and state: `h = exp(Δ A) h + Δ B u`, `y = C h + D u`,
/// where Δ, B and C are linear in the features. Its tensors are those of transformers' Mamba.
pub(super) fn selective(site: &mut Site<'_>) -> Result<Flow, Problem> {
    let (length, width) = site.sequence()?;
    let states = site.given.size_or("states", 16)?;
    let rank = site.given.size_or("rank", width.div_ceil(32))?;
    affordable(&[length])?;
    let x = site.x.name.clone();
    let select = site.weight("x_proj.weight", &[rank + 2 * states, width])?;
    let steps = [
        site.weight("dt_proj.weight", &[width, rank])?,
        site.weight("dt_proj.bias", &[width])?,
    ];
    let decay = site.weight("A_log", &[width, states])?;
    let direct = site.weight("D", &[width])?;
    let draft = &mut *site.draft;

    let select = draft.node("Transpose", &[&select])?;
    let selected = draft.node("MatMul", &[&x, &select])?;
    let parts = draft.split(&selected, -1, &[rank, states, states])?;
    let matrix = draft.node("Transpose", &[&steps[0]])?;
    let step = draft.node("MatMul", &[&parts[0], &matrix])?;
    let step = draft.node("Add", &[&step, &steps[1]])?;
    let step = draft.activation(&step, Activation::Softplus)?;

    // [samples, length, features, states]
    let last = draft.whole(&[3]);
    let third = draft.whole(&[2]);
    let rates = draft.node("Exp", &[&decay])?;
    let rates = draft.node("Neg", &[&rates])?;
    let long_step = draft.node("Unsqueeze", &[&step, &last])?;
    let kept = draft.node("Mul", &[&long_step, &rates])?;
    let kept = draft.node("Exp", &[&kept])?;
    let entering = draft.node("Mul", &[&step, &x])?;
    let entering = draft.node("Unsqueeze", &[&entering, &last])?;
    let into = draft.node("Unsqueeze", &[&parts[1], &third])?;
    let entering = draft.node("Mul", &[&entering, &into])?;

    let ones = vec![1; length];
    let kept = draft.split(&kept, 1, &ones)?;
    let entering = draft.split(&entering, 1, &ones)?;
    let mut state = entering[0].clone();
    let mut all = vec![state.clone()];
    for place in 1..length {
        let old = draft.node("Mul", &[&kept[place], &state])?;
        state = draft.node("Add", &[&old, &entering[place]])?;
        all.push(state.clone());
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let all = draft.concat(&all, 1)?;

    let out = draft.node("Unsqueeze", &[&parts[2], &third])?;
    let seen = draft.node("Mul", &[&all, &out])?;
    let seen = Node::new("ReduceSum", &[&seen, &last], &[]);
    let seen = draft.put(seen.with("keepdims", Attribute::Int(0)))?;
    let past = draft.node("Mul", &[&x, &direct])?;
    let name = draft.node("Add", &[&seen, &past])?;
    Ok(site.alike(name))
}
