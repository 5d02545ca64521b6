//! Attention over queries, keys and values that are there.

use super::draft::{Draft, Flow, affordable};
use super::given::Given;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::model::{Fused, Role};

/// What a table of attention may state besides its operands.
pub(super) const SETTINGS: &[&str] = &["kv_heads", "causal", "rotary", "rotary_size", "scale"];

/// Queries, keys and values of a value that holds them side by side.
pub(super) fn parts(
    draft: &mut Draft,
    all: &Flow,
    heads: usize,
    settings: &Given,
) -> Result<[Flow; 3], Problem> {
    let kv_heads = settings.size_or("kv_heads", heads)?;
    let width = all.features();
    let groups = heads + 2 * kv_heads;
    if all.sizes.len() != 2 || !width.is_multiple_of(groups) {
        return Err(Problem::other(format!(
            "qkv makes {}; it should be samples × length × width, the width a multiple of {groups} \
             (queries, keys and values of all heads)",
            all.shape()
        )));
    }
    let head = width / groups;
    let sizes = [heads * head, kv_heads * head, kv_heads * head];
    if let Some(weight) = draft.maker(&all.name) {
        let roles = [Role::Query, Role::Key, Role::Value];
        let fused = Fused::in_a_row(roles.into_iter().zip(sizes));
        draft.state(&weight, |facts| facts.role(Role::Qkv).fused(fused));
    }
    let names = draft.split(&all.name, -1, &sizes)?;
    let mut names = names.into_iter();
    Ok(sizes.map(|size| Flow {
        name: names.next().unwrap_or_default(),
        sizes: vec![all.channels(), size],
        is_words: false,
    }))
}

/// The values, mixed by how well each query fits each key.
pub(super) fn mixed(
    draft: &mut Draft,
    [query, key, value]: &[Flow; 3],
    bias: Option<&Flow>,
    heads: usize,
    settings: &Given,
) -> Result<Flow, Problem> {
    let kv_heads = settings.size_or("kv_heads", heads)?;
    if !heads.is_multiple_of(kv_heads) {
        return Err(Problem::other(format!(
            "{heads} heads cannot share {kv_heads} of keys and values"
        )));
    }
    for (what, flow, heads) in [
        ("query", query, heads),
        ("key", key, kv_heads),
        ("value", value, kv_heads),
    ] {
        if flow.sizes.len() != 2 || flow.features() % heads != 0 || flow.is_words {
            return Err(Problem::other(format!(
                "the {what} is {}; it should be samples × length × width, the width a multiple of \
                 {heads} heads",
                flow.shape()
            )));
        }
    }
    let head = query.features() / heads;
    if key.features() / kv_heads != head || key.channels() != value.channels() {
        return Err(Problem::other(format!(
            "queries are {}, keys {}, values {} with {heads} and {kv_heads} heads: their sizes do \
             not fit",
            query.shape(),
            key.shape(),
            value.shape()
        )));
    }
    for (flow, role) in [(query, Role::Query), (key, Role::Key), (value, Role::Value)] {
        if let Some(weight) = draft.maker(&flow.name) {
            draft.state(&weight, |facts| facts.role(role));
        }
    }
    let rotary = settings.number_or("rotary", 0.0)?;
    let rotated = settings.size_or("rotary_size", head)?;
    let (queries, keys) = match rotary > 0.0 {
        true => (
            rotate(draft, query, heads, rotary, rotated)?,
            rotate(draft, key, kv_heads, rotary, rotated)?,
        ),
        false => (query.name.clone(), key.name.clone()),
    };
    let values = match rotary > 0.0 {
        true => by_heads(draft, value, kv_heads)?,
        false => value.name.clone(),
    };
    let mut inputs = vec![&*queries, &keys, &values];
    if let Some(bias) = bias {
        inputs.push(&bias.name);
    }
    let mut node = Node::new("Attention", &inputs, &[])
        .with("q_num_heads", Attribute::Int(heads as i64))
        .with("kv_num_heads", Attribute::Int(kv_heads as i64));
    if settings.flag("causal", false)? {
        node = node.with("is_causal", Attribute::Int(1));
    }
    if settings.get("scale").is_some() {
        let scale = settings.number_or("scale", 1.0)?;
        node = node.with("scale", Attribute::Float(scale as f32));
    }
    let mut name = draft.put(node)?;
    let width = heads * (value.features() / kv_heads);
    let sizes = vec![query.channels(), width];
    if rotary > 0.0 {
        let turned = draft.permuted(&name, &[0, 2, 1, 3])?;
        name = draft.reshaped(&turned, &sizes)?;
    }
    draft.mixed(&name);
    Ok(Flow {
        name,
        sizes,
        is_words: false,
    })
}

/// `[samples, heads, length, size of a head]`.
fn by_heads(draft: &mut Draft, x: &Flow, heads: usize) -> Result<String, Problem> {
    let split = draft.reshaped(&x.name, &[x.channels(), heads, x.features() / heads])?;
    draft.permuted(&split, &[0, 2, 1, 3])
}

/// Rotary positions (Su et al. 2021, section 3.2.2), by halves as Llama has them: the first
/// `rotated` features of a head, in pairs that lie `rotated / 2` apart, are turned by their
/// position times `base^(-2i / rotated)`.
fn rotate(
    draft: &mut Draft,
    x: &Flow,
    heads: usize,
    base: f64,
    rotated: usize,
) -> Result<String, Problem> {
    let head = x.features() / heads;
    if !rotated.is_multiple_of(2) || rotated > head {
        return Err(Problem::other(format!(
            "rotary positions turn pairs of features: {rotated} of {head} cannot be"
        )));
    }
    let length = x.channels();
    affordable(&[length, rotated])?;
    let half = rotated / 2;
    let angle = |position: usize, feature: usize| {
        let pair = (feature % half) as f64;
        position as f64 * libm::pow(base, -2.0 * pair / rotated as f64)
    };
    let table = |of: fn(f64) -> f64| -> Vec<f32> {
        let positions = 0..length;
        let each = |position| (0..rotated).map(move |feature| of(angle(position, feature)) as f32);
        positions.flat_map(each).collect()
    };
    let cosines = draft.numbers(&[length, rotated], &table(libm::cos));
    let sines = draft.numbers(&[length, rotated], &table(libm::sin));
    let whole = by_heads(draft, x, heads)?;
    let (turning, rest) = match rotated == head {
        true => (whole, None),
        false => {
            let mut parts = draft
                .split(&whole, -1, &[rotated, head - rotated])?
                .into_iter();
            (parts.next().unwrap_or_default(), parts.next())
        }
    };
    let halves = draft.split(&turning, -1, &[half, half])?;
    let negative = draft.node("Neg", &[&halves[1]])?;
    let turned = draft.concat(&[&negative, &halves[0]], -1)?;
    let own = draft.node("Mul", &[&turning, &cosines])?;
    let other = draft.node("Mul", &[&turned, &sines])?;
    let sum = draft.node("Add", &[&own, &other])?;
    match rest {
        None => Ok(sum),
        Some(rest) => draft.concat(&[&sum, &rest], -1),
    }
}
