//! Pooling and resizing.

use super::shape::ints;
use super::site::Site;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::network::draft::Flow;

/// `max_pool(kernel=2, stride=kernel, padding=0)`.
pub(super) fn max(site: &mut Site<'_>) -> Result<Flow, Problem> {
    pool(site, "MaxPool")
}

/// `avg_pool(kernel=2, stride=kernel, padding=0)`; padding counts as zeros.
pub(super) fn average(site: &mut Site<'_>) -> Result<Flow, Problem> {
    pool(site, "AveragePool")
}

fn pool(site: &mut Site<'_>, operator: &str) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let space = &site.x.sizes[1..];
    let axes = space.len();
    let kernel = site.given.each("kernel", axes, 2)?;
    let stride = match site.given.get("stride") {
        Some(_) => site.given.each("stride", axes, 1)?,
        None => kernel.clone(),
    };
    let padding = site.given.each("padding", axes, 0)?;
    let mut sizes = vec![site.x.channels()];
    for (axis, &size) in space.iter().enumerate() {
        let room = size + 2 * padding[axis];
        if kernel[axis] == 0 || stride[axis] == 0 || room < kernel[axis] {
            return Err(Problem::other(format!(
                "a window of {kernel:?} does not fit what comes in, {}",
                site.x.shape()
            )));
        }
        sizes.push((room - kernel[axis]) / stride[axis] + 1);
    }
    let mut node = Node::new(operator, &[&site.x.name], &[])
        .with("kernel_shape", ints(&kernel))
        .with("strides", ints(&stride))
        .with("pads", ints(&[&padding[..], &padding[..]].concat()));
    if operator == "AveragePool" {
        node = node.with("count_include_pad", Attribute::Int(1));
    }
    let name = site.draft.put(node)?;
    Ok(site.made(name, sizes))
}

/// `global_pool(by='mean')`: one number for each channel.
pub(super) fn global(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let operator = match site.given.choice("by", &["mean", "max"])? {
        "max" => "GlobalMaxPool",
        _ => "GlobalAveragePool",
    };
    let pooled = site.draft.node(operator, &[&site.x.name])?;
    let name = site.draft.node("Flatten", &[&pooled])?;
    Ok(site.made(name, vec![site.x.channels()]))
}

/// `mean(axis=1)`: over an axis, which is gone then.
pub(super) fn mean(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let axis = site.given.axis("axis", site.x.sizes.len(), 1)?;
    let axes = site.draft.whole(&[axis as i64]);
    let node = Node::new("ReduceMean", &[&site.x.name, &axes], &[]);
    let name = site.draft.put(node.with("keepdims", Attribute::Int(0)))?;
    let mut sizes = site.x.sizes.clone();
    sizes.remove(axis - 1);
    Ok(site.made(name, sizes))
}

/// `upsample(factor=2, mode='nearest')`; `linear` is between the neighbours along each axis.
pub(super) fn upsample(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let axes = site.x.sizes.len() - 1;
    let factors = site.given.each("factor", axes, 2)?;
    let mode = site.given.choice("mode", &["nearest", "linear"])?;
    let scales = factors.iter().map(|&factor| factor as f32);
    let scales: Vec<f32> = [1.0, 1.0].into_iter().chain(scales).collect();
    let scales = site.draft.numbers(&[scales.len()], &scales);
    let text = |text: &str| Attribute::Text(text.to_owned());
    let node = Node::new("Resize", &[&site.x.name, "", &scales], &[]);
    let node = node.with("mode", text(mode));
    let node = match mode {
        "nearest" => node
            .with("coordinate_transformation_mode", text("asymmetric"))
            .with("nearest_mode", text("floor")),
        _ => node.with("coordinate_transformation_mode", text("half_pixel")),
    };
    let name = site.draft.put(node)?;
    let mut sizes = site.x.sizes.clone();
    for (size, factor) in sizes[1..].iter_mut().zip(factors) {
        *size = size.saturating_mul(factor);
    }
    if sizes.contains(&0) {
        return Err(Problem::other("factors are at least 1"));
    }
    Ok(site.made(name, sizes))
}

/// `pixel_shuffle(factor)`: channels become space.
pub(super) fn shuffle(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(3)?;
    let factor = site.given.size("factor")?;
    let &[channels, height, width] = &*site.x.sizes else {
        return Err(Problem::other(format!(
            "what comes in is {}, no image",
            site.x.shape()
        )));
    };
    if channels % (factor * factor) != 0 {
        return Err(Problem::other(format!(
            "{channels} channels cannot become squares of {factor} × {factor}"
        )));
    }
    let node = Node::new("DepthToSpace", &[&site.x.name], &[])
        .with("blocksize", Attribute::Int(factor as i64))
        .with("mode", Attribute::Text("CRD".to_owned()));
    let name = site.draft.put(node)?;
    let sizes = vec![
        channels / (factor * factor),
        height * factor,
        width * factor,
    ];
    Ok(site.made(name, sizes))
}
