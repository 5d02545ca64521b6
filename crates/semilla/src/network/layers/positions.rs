//! Tensors that are added, multiplied or put in front: positions, biases, scales, tokens.

use super::shape::sizes;
use super::site::Site;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::model::Role;
use crate::network::draft::{Flow, affordable};

/// `positions(rows, offset=0)`: adds a learned row for each place.
pub(super) fn positions(site: &mut Site<'_>) -> Result<Flow, Problem> {
    let (length, width) = site.sequence()?;
    let rows = site.given.size("rows")?;
    let offset = site.given.number_or("offset", 0.0)?.max(0.0) as usize;
    if length.saturating_add(offset) > rows {
        return Err(Problem::other(format!(
            "{rows} positions are too few for a length of {length}{}",
            match offset {
                0 => String::new(),
                offset => format!(" behind {offset}"),
            }
        )));
    }
    let table = site.weight("weight", &[rows, width])?;
    site.draft
        .state(&table, |facts| facts.role(Role::PositionEmbedding));
    added_rows(site, &table, offset, length)
}

/// `row(rows, index=0)`: adds one row of a learned table, such as BERT's of the first segment.
pub(super) fn row(site: &mut Site<'_>) -> Result<Flow, Problem> {
    let (_, width) = site.sequence()?;
    let rows = site.given.size("rows")?;
    let index = site.given.number_or("index", 0.0)?.max(0.0) as usize;
    if index >= rows {
        return Err(Problem::other(format!("there is no row {index} of {rows}")));
    }
    let table = site.weight("weight", &[rows, width])?;
    site.draft
        .state(&table, |facts| facts.role(Role::Embedding));
    added_rows(site, &table, index, 1)
}

fn added_rows(
    site: &mut Site<'_>,
    table: &str,
    start: usize,
    count: usize,
) -> Result<Flow, Problem> {
    let [first, last] = [start, start + count].map(|place| site.draft.whole(&[place as i64]));
    let rows = site.draft.node("Slice", &[table, &first, &last])?;
    let name = site.draft.node("Add", &[&site.x.name, &rows])?;
    Ok(site.alike(name))
}

/// `sinusoids(base=10000)`: adds sines and cosines of the place (Vaswani et al. 2017, section 3.5).
pub(super) fn sinusoids(site: &mut Site<'_>) -> Result<Flow, Problem> {
    let (length, width) = site.sequence()?;
    let base = site.given.number_or("base", 10_000.0)?;
    affordable(&[length, width])?;
    let value = |place: usize, feature: usize| {
        let pair = (feature / 2 * 2) as f64;
        let angle = place as f64 * libm::pow(base, -pair / width as f64);
        let wave = if feature.is_multiple_of(2) {
            libm::sin
        } else {
            libm::cos
        };
        wave(angle) as f32
    };
    let each = |place| (0..width).map(move |feature| value(place, feature));
    let values: Vec<f32> = (0..length).flat_map(each).collect();
    let table = site.draft.numbers(&[length, width], &values);
    let name = site.draft.node("Add", &[&site.x.name, &table])?;
    Ok(site.alike(name))
}

/// `relative_positions(heads, buckets=32, distance=128, bidirectional=true)`: what T5 adds to the
/// scores of attention, by the distance of key and query (Raffel et al. 2020, section 2.1).
pub(super) fn relative(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(1)?;
    let length = site.x.channels();
    let heads = site.given.size("heads")?;
    let buckets = site.given.size_or("buckets", 32)?;
    let distance = site.given.size_or("distance", 128)?;
    let is_bidirectional = site.given.flag("bidirectional", true)?;
    affordable(&[length, length])?;
    let table = site.weight("weight", &[buckets, heads])?;
    site.draft
        .state(&table, |facts| facts.role(Role::PositionEmbedding));
    let bucket = |query: usize, key: usize| {
        let apart = key as i64 - query as i64;
        self::bucket(apart, buckets as i64, distance as f64, is_bidirectional)
    };
    let each = |query| (0..length).map(move |key| bucket(query, key));
    let places: Vec<i64> = (0..length).flat_map(each).collect();
    let places = site.draft.whole_of(&[length, length], &places);
    let rows = site.draft.node("Gather", &[&table, &places])?;
    let by_heads = site.draft.permuted(&rows, &[2, 0, 1])?;
    let first = site.draft.whole(&[0]);
    let name = site.draft.node("Unsqueeze", &[&by_heads, &first])?;
    Ok(site.made(name, vec![heads, length, length]))
}

/// The bucket of a distance: near ones have their own, far ones share by their logarithm.
fn bucket(apart: i64, buckets: i64, distance: f64, is_bidirectional: bool) -> i64 {
    let (start, buckets, apart) = match is_bidirectional {
        true if apart > 0 => (buckets / 2, buckets / 2, apart),
        true => (0, buckets / 2, -apart),
        false => (0, buckets, (-apart).max(0)),
    };
    let exact = (buckets / 2).max(1);
    if apart < exact {
        return start + apart;
    }
    let share = libm::log(apart as f64 / exact as f64) / libm::log(distance / exact as f64);
    let far = exact + (share * (buckets - exact) as f64) as i64;
    start + far.clamp(0, (buckets - 1).max(0))
}

/// `bias(sizes...)`: adds a tensor that has the layer's own name.
pub(super) fn bias(site: &mut Site<'_>) -> Result<Flow, Problem> {
    elementwise(site, "Add")
}

/// `scale(sizes...)`: multiplies by a tensor that has the layer's own name.
pub(super) fn scale(site: &mut Site<'_>) -> Result<Flow, Problem> {
    elementwise(site, "Mul")
}

fn elementwise(site: &mut Site<'_>, operator: &str) -> Result<Flow, Problem> {
    site.numbers(0)?;
    let sizes = sizes(site)?;
    // Its axes are the last ones of what comes in, or one more: the samples'.
    let axes = site.x.sizes.len();
    let own = match sizes.len() > axes {
        true if sizes.len() == axes + 1 && sizes[0] == 1 => &sizes[1..],
        true => &[][..],
        false => &sizes[..],
    };
    let last = &site.x.sizes[axes - own.len()..];
    let fits = own
        .iter()
        .zip(last)
        .all(|(&own, &size)| own == 1 || own == size);
    if !fits || (own.is_empty() && sizes.len() > axes) {
        return Err(Problem::other(format!(
            "a tensor of {sizes:?} does not fit what comes in, {}",
            site.x.shape()
        )));
    }
    let tensor = site.own(&sizes)?;
    let role = match (operator, &*sizes) {
        ("Add", [_]) => Some(Role::Bias),
        ("Mul", _) if site.draft.is_in_branch() => Some(Role::BranchScale),
        ("Mul", _) => Some(Role::Multiplier),
        // A table of positions, perhaps: its name says.
        _ => None,
    };
    if let Some(role) = role {
        site.draft.state(&tensor, |facts| facts.role(role));
    }
    let name = site.draft.node(operator, &[&site.x.name, &tensor])?;
    Ok(site.alike(name))
}

/// `token(count=1)`: learned places in front of the others; the tensor has the layer's own name.
pub(super) fn token(site: &mut Site<'_>) -> Result<Flow, Problem> {
    let (length, width) = site.sequence()?;
    let count = site.given.size_or("count", 1)?;
    let tensor = site.own(&[1, count, width])?;
    site.draft.state(&tensor, |facts| facts.role(Role::Token));
    let samples = Node::new("Shape", &[&site.x.name], &[]);
    let samples = samples
        .with("start", Attribute::Int(0))
        .with("end", Attribute::Int(1));
    let samples = site.draft.put(samples)?;
    let sizes = site.draft.whole(&[count as i64, width as i64]);
    let shape = site.draft.concat(&[&samples, &sizes], 0)?;
    let own = site.draft.node("Expand", &[&tensor, &shape])?;
    let name = site.draft.concat(&[&own, &site.x.name], 1)?;
    Ok(site.made(name, vec![count + length, width]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_t5s() {
        // T5Attention._relative_position_bucket of transformers 5.23.
        let both = [-200, -20, -8, -3, 0, 3, 8, 20, 200];
        let found = both.map(|apart| bucket(apart, 32, 128.0, true));
        assert_eq!(found, [15, 10, 8, 3, 0, 19, 24, 26, 31]);
        let past = [-200, -20, -8, 0, 5].map(|apart| bucket(apart, 32, 128.0, false));
        assert_eq!(past, [31, 17, 8, 0, 0]);
    }
}
