//! Layers that only move elements.

use super::site::Site;
use crate::formula::Problem;
use crate::graph::Attribute;
use crate::network::draft::{Flow, elements};
use crate::network::given::size;

/// `select(index, axis=1)`: one place of an axis, which is gone then; -1 is the last.
pub(super) fn select(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let axis = site.given.axis("axis", site.x.sizes.len(), 1)?;
    let size = site.x.sizes[axis - 1];
    let asked = site.given.number_or("index", 0.0)?;
    let index = if asked < 0.0 {
        asked + size as f64
    } else {
        asked
    };
    if !(index >= 0.0 && index < size as f64 && index.fract() == 0.0) {
        return Err(Problem::other(format!(
            "there is no place {asked} of {size}"
        )));
    }
    let places = [index as i64, index as i64 + 1, axis as i64];
    let [start, end, along] = places.map(|place| site.draft.whole(&[place]));
    let slice = site
        .draft
        .node("Slice", &[&site.x.name, &start, &end, &along])?;
    let name = site.draft.node("Squeeze", &[&slice, &along])?;
    let mut sizes = site.x.sizes.clone();
    sizes.remove(axis - 1);
    Ok(site.made(name, sizes))
}

/// `slice(start, end, axis=1)`: the places from `start` on, `end` left out.
pub(super) fn slice(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let axis = site.given.axis("axis", site.x.sizes.len(), 1)?;
    let size = site.x.sizes[axis - 1];
    let start = site.given.number_or("start", 0.0)?;
    let end = site.given.number_or("end", size as f64)?;
    let is_within = start >= 0.0 && end <= size as f64 && start < end;
    if !is_within || start.fract() != 0.0 || end.fract() != 0.0 {
        return Err(Problem::other(format!(
            "there are no places {start} to {end} of {size}"
        )));
    }
    let places = [start as i64, end as i64, axis as i64];
    let [first, last, along] = places.map(|place| site.draft.whole(&[place]));
    let name = site
        .draft
        .node("Slice", &[&site.x.name, &first, &last, &along])?;
    let mut sizes = site.x.sizes.clone();
    sizes[axis - 1] = end as usize - start as usize;
    Ok(site.made(name, sizes))
}

/// `flatten(axis=1)`: this axis and those behind it become one.
pub(super) fn flatten(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let axis = site.given.axis("axis", site.x.sizes.len(), 1)?;
    let (kept, rest) = site.x.sizes.split_at(axis - 1);
    let product = elements(rest);
    let product = product.ok_or_else(|| Problem::other("the product of the sizes is too large"))?;
    let sizes = [kept, &[product]].concat();
    let name = match axis {
        1 => site.draft.node("Flatten", &[&site.x.name])?,
        _ => site.draft.reshaped(&site.x.name, &sizes)?,
    };
    Ok(site.made(name, sizes))
}

/// `tokens`: channels × space becomes places × channels.
pub(super) fn tokens(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let channels = site.x.channels();
    let places = site.x.sizes[1..].iter().product();
    let flat = site.draft.reshaped(&site.x.name, &[channels, places])?;
    let name = site.draft.permuted(&flat, &[0, 2, 1])?;
    Ok(site.made(name, vec![places, channels]))
}

/// `image(height, width)`: places × channels becomes channels × height × width.
pub(super) fn image(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let (height, width) = (site.given.size("height")?, site.given.size("width")?);
    let &[places, channels] = &*site.x.sizes else {
        return Err(Problem::other(format!(
            "what comes in is {}",
            site.x.shape()
        )));
    };
    if height.checked_mul(width) != Some(places) {
        return Err(Problem::other(format!(
            "{places} places are not {height} × {width}"
        )));
    }
    let turned = site.draft.permuted(&site.x.name, &[0, 2, 1])?;
    let sizes = vec![channels, height, width];
    let name = site.draft.reshaped(&turned, &sizes)?;
    Ok(site.made(name, sizes))
}

/// `transpose(axis=1, other=2)`.
pub(super) fn transpose(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let axes = site.x.sizes.len();
    let axis = site.given.axis("axis", axes, 1)?;
    let other = site.given.axis("other", axes, 2)?;
    let mut order: Vec<usize> = (0..=axes).collect();
    order.swap(axis, other);
    let name = site.draft.permuted(&site.x.name, &order)?;
    let mut sizes = site.x.sizes.clone();
    sizes.swap(axis - 1, other - 1);
    Ok(site.made(name, sizes))
}

/// `reshape(sizes...)`.
pub(super) fn reshape(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(0)?;
    let sizes = sizes(site)?;
    let count = elements(&sizes);
    if count.is_none() || count != elements(&site.x.sizes) {
        return Err(Problem::other(format!(
            "{} cannot become samples × {sizes:?}: it has another number of elements",
            site.x.shape()
        )));
    }
    let name = site.draft.reshaped(&site.x.name, &sizes)?;
    Ok(site.made(name, sizes))
}

/// The sizes that a layer is given.
pub(super) fn sizes(site: &Site<'_>) -> Result<Vec<usize>, Problem> {
    let sizes = site
        .given
        .get("sizes")
        .map_or(&[][..], |sizes| sizes.each());
    sizes.iter().map(|value| size(value, "the size")).collect()
}

/// An attribute of several sizes.
pub(super) fn ints(sizes: &[usize]) -> Attribute {
    Attribute::Ints(sizes.iter().map(|&size| size as i64).collect())
}
