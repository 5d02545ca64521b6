//! Operators that move elements: of signals and of weights.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::super::axes::{Axes, Mask, new_mask};
use super::super::node::{Joined, Link, Node, Origin, SignalId};
use super::super::signal::{Signal, kernel_of};
use super::super::state::{Gap, Known, Step, Theory, Weight, axes_of};
use super::super::weights::WeightMoments;
use super::arithmetic::{repeated, view};
use super::image::cut_as;
use crate::array::{Array, size, strides};
use crate::walk::broadcast;

/// The shape that a `Reshape`, `Flatten`, `Squeeze` or `Unsqueeze` makes.
fn new_shape(step: &Step<'_>, from: &[usize]) -> Result<Vec<usize>, Gap> {
    let missing = || Gap("its axes are missing".to_owned());
    Ok(match &*step.node.operator {
        "Flatten" => {
            let axis = step.int("axis", 1);
            let axis = match axis == from.len() as i64 {
                true => from.len(),
                false => step.axis(axis, from.len())?,
            };
            vec![size(&from[..axis]), size(&from[axis..])]
        }
        "Squeeze" => {
            let axes = match step.list(1, "axes")? {
                None => (0..from.len()).filter(|&axis| from[axis] == 1).collect(),
                Some(axes) => axes_in(step, &axes, from.len())?,
            };
            let kept = (0..from.len()).filter(|axis| !axes.contains(axis));
            kept.map(|axis| from[axis]).collect()
        }
        "Unsqueeze" => {
            let axes = step.list(1, "axes")?.ok_or_else(missing)?;
            let rank = from.len() + axes.len();
            let axes = axes_in(step, &axes, rank)?;
            let mut sizes = from.iter();
            let of = |axis: usize| match axes.contains(&axis) {
                true => Some(1),
                false => sizes.next().copied(),
            };
            (0..rank)
                .map(of)
                .collect::<Option<_>>()
                .ok_or_else(missing)?
        }
        _ => {
            let asked = step.list(1, "shape")?.ok_or_else(missing)?;
            let keeps_zeros = step.int("allowzero", 0) != 0;
            let mut to = Vec::new();
            for (axis, &size) in asked.iter().enumerate() {
                to.push(match size {
                    -1 => 1,
                    0 if !keeps_zeros => *from.get(axis).ok_or_else(missing)?,
                    size => usize::try_from(size).map_err(|_| missing())?,
                });
            }
            if let Some(open) = asked.iter().position(|&size| size == -1) {
                to[open] = size(from) / size(&to).max(1);
            }
            to
        }
    })
}

fn axes_in(step: &Step<'_>, axes: &[i64], rank: usize) -> Result<Vec<usize>, Gap> {
    axes.iter().map(|&axis| step.axis(axis, rank)).collect()
}

/// Operators whose output has the same elements, in the same order or in another.
pub(super) fn rearranged(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let input = step.given(0)?;
    let from = theory.known_shape(input)?;
    if step.node.operator == "Transpose" {
        let order: Vec<usize> = match step.node.ints("perm") {
            Some(order) if !order.is_empty() => axes_in(step, order, from.len())?,
            _ => (0..from.len()).rev().collect(),
        };
        if order.len() != from.len() {
            return Gap::new("its order has not all axes");
        }
        return Ok(match input {
            Known::Signal(x) => {
                let (axes, sources) = theory.signal(*x).axes.transposed(&order);
                Known::Signal(view(theory, *x, axes, &sources))
            }
            Known::Weight(weight) => Known::Weight(Weight {
                name: weight.name.clone(),
                shape: order.iter().map(|&axis| weight.shape[axis]).collect(),
                moments: weight.moments.transposed(&order),
            }),
            _ => Known::Lost(Some(order.iter().map(|&axis| from[axis]).collect())),
        });
    }
    let to = new_shape(step, &from)?;
    if size(&to) != size(&from) {
        return Gap::new("its shape does not fit");
    }
    Ok(match input {
        Known::Signal(x) => {
            let found = theory.signal(*x).axes.reshaped(&to);
            let (axes, sources) =
                found.ok_or_else(|| Gap("it joins axes and cuts them elsewhere".to_owned()))?;
            Known::Signal(view(theory, *x, axes, &sources))
        }
        Known::Weight(weight) if to == weight.shape => input.clone(),
        Known::Weight(weight) => Known::Weight(Weight {
            name: weight.name.clone(),
            shape: to,
            moments: weight.independent()?,
        }),
        _ => Known::Lost(Some(to)),
    })
}

/// `Expand` and `Tile` of axes of size 1.
pub(super) fn expand(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let input = step.given(0)?;
    let from = theory.known_shape(input)?;
    let asked = step
        .list(1, "shape")?
        .ok_or_else(|| Gap("its shape is missing".to_owned()))?;
    let asked: Option<Vec<usize>> = asked
        .iter()
        .map(|&size| usize::try_from(size).ok())
        .collect();
    let asked = asked.ok_or_else(|| Gap("its shape makes no sense".to_owned()))?;
    let to = match &*step.node.operator {
        "Tile"
            if from
                .iter()
                .zip(&asked)
                .all(|(&size, &times)| size == 1 || times == 1) =>
        {
            from.iter()
                .zip(&asked)
                .map(|(size, times)| size * times)
                .collect()
        }
        "Tile" => return Gap::new("it repeats an axis"),
        _ => broadcast(&from, &asked).ok_or_else(|| Gap("its shapes do not fit".to_owned()))?,
    };
    let target = axes_of(&to)?;
    Ok(Known::Signal(match input {
        Known::Signal(x) => {
            let both = theory.signal(*x).axes.broadcast(&target);
            let both = both.ok_or_else(|| Gap("its shapes do not fit".to_owned()))?;
            repeat(theory, *x, both.axes, &both.first)
        }
        Known::Weight(weight) => {
            let WeightMoments { mean, square, .. } = weight.independent()?;
            let signal = Signal::independent(axes_of(&weight.shape)?, mean, square);
            let both = signal.axes.broadcast(&target);
            let both = both.ok_or_else(|| Gap("its shapes do not fit".to_owned()))?;
            let units = new_mask(signal.axes.all(), &both.first);
            let signal = signal.viewed(both.axes, &both.first);
            theory.push(Node::normal(signal, units, Origin::Fresh(None)))
        }
        _ => return Ok(Known::Lost(Some(to))),
    }))
}

fn repeat(theory: &mut Theory, x: SignalId, axes: Axes, sources: &[Option<usize>]) -> SignalId {
    let back = repeated(sources, &axes);
    let made = view(theory, x, axes, sources);
    theory.nodes[made].links = vec![Link::plain(x, back)];
    made
}

/// A signal with another size along an axis: a part of its places.
fn part(theory: &mut Theory, x: SignalId, axis: usize, count: usize) -> Result<SignalId, Gap> {
    let axes = &theory.signal(x).axes;
    let whole = axes.size(axis);
    if count == whole {
        return Ok(x);
    }
    if count == 0 || count > whole {
        return Gap::new("it takes no places");
    }
    let mut made = Vec::new();
    let mut sources = Vec::new();
    for old in 0..axes.rank() {
        let first = axes.mask(old).trailing_zeros() as usize;
        match old == axis {
            true if count == 1 => made.push(vec![]),
            true => {
                // Places in a row: the innermost atoms that hold them.
                made.push(vec![count]);
                sources.push(Some(first + axes.axis(old).len() - 1));
            }
            false => {
                made.push(axes.axis(old).to_vec());
                sources.extend((0..axes.axis(old).len()).map(|i| Some(first + i)));
            }
        }
    }
    let along = axes.mask(axis);
    let share = count as f64 / whole as f64;
    let made = Axes::new(made).ok_or_else(|| Gap("it has too many axes".to_owned()))?;
    // Other units have other weights.
    let is_own = along & !theory.nodes[x].units == 0 && theory.is_fresh(x);
    let part = view(theory, x, made, &sources);
    if is_own {
        theory.nodes[part].origin = Origin::Fresh(None);
    }
    let links = std::mem::take(&mut theory.nodes[part].links);
    let back = links.into_iter().next().map(|link| link.back);
    theory.nodes[part].links.extend(back.map(|back| {
        Link::plain(x, move |gradient| {
            let all = back(gradient).into_iter().enumerate();
            // Pairs must both be within the part.
            all.map(|(mask, g)| {
                if mask & along == 0 {
                    share * g
                } else {
                    share * share * g
                }
            })
            .collect()
        })
    }));
    Ok(part)
}

/// A part of a value along an axis.
pub(super) fn known_part(
    theory: &mut Theory,
    known: &Known,
    axis: usize,
    count: usize,
) -> Result<Known, Gap> {
    Ok(match known {
        Known::Signal(x) => Known::Signal(part(theory, *x, axis, count)?),
        Known::Weight(weight) => {
            let mut weight = weight.clone();
            if count != weight.shape[axis] {
                weight.moments = weight.independent()?;
                weight.shape[axis] = count;
            }
            Known::Weight(weight)
        }
        known => {
            let mut shape = theory.shape(known);
            if let Some(size) = shape.as_mut().and_then(|shape| shape.get_mut(axis)) {
                *size = count;
            }
            Known::Lost(shape)
        }
    })
}

/// `Split`.
pub(super) fn split(theory: &mut Theory, step: &Step<'_>) -> Result<Vec<Known>, Gap> {
    let input = step.given(0)?;
    let shape = theory.known_shape(input)?;
    let axis = step.axis(step.int("axis", 0), shape.len())?;
    let parts = step.node.outputs.len();
    let sizes: Vec<usize> = match step.list(1, "split")? {
        Some(sizes) => sizes
            .iter()
            .map(|&size| usize::try_from(size).unwrap_or(0))
            .collect(),
        None => {
            let each = shape[axis].div_ceil(parts.max(1));
            (0..parts)
                .map(|i| each.min(shape[axis] - (each * i).min(shape[axis])))
                .collect()
        }
    };
    sizes
        .into_iter()
        .map(|count| known_part(theory, input, axis, count))
        .collect()
}

/// `Slice`.
pub(super) fn slice(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let mut known = step.given(0)?.clone();
    let shape = theory.known_shape(&known)?;
    let missing = || Gap("its places are missing".to_owned());
    let starts = step.list(1, "starts")?.ok_or_else(missing)?;
    let ends = step.list(2, "ends")?.ok_or_else(missing)?;
    let axes = step
        .list(3, "axes")?
        .unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = step
        .list(4, "steps")?
        .unwrap_or_else(|| vec![1; starts.len()]);
    for (((&start, &end), &axis), &stride) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let axis = step.axis(axis, shape.len())?;
        let len = shape[axis] as i64;
        let place = |at: i64| (if at < 0 { at.saturating_add(len) } else { at }).clamp(0, len);
        let count = match stride {
            0 => return Err(missing()),
            1.. => {
                (place(end) - place(start)).max(0).div_euclid(stride)
                    + i64::from((place(end) - place(start)).max(0).rem_euclid(stride) != 0)
            }
            // Backwards, such as all places in the opposite order.
            _ => {
                let (from, to) = (
                    place(start).min(len - 1),
                    if end < -len { -1 } else { place(end) },
                );
                (from - to).max(0).div_euclid(-stride)
                    + i64::from((from - to).max(0) % -stride != 0)
            }
        };
        known = known_part(theory, &known, axis, usize::try_from(count).unwrap_or(0))?;
    }
    Ok(known)
}

/// `Concat`.
pub(super) fn concat(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let inputs: Vec<Known> = step.inputs.iter().flatten().cloned().collect();
    let first = inputs.first().and_then(|known| theory.shape(known));
    let shape = first.ok_or_else(|| Gap("its shape is not known".to_owned()))?;
    let axis = step.axis(step.int("axis", 0), shape.len())?;
    let mut sizes = Vec::new();
    for known in &inputs {
        let shape = theory
            .shape(known)
            .and_then(|shape| shape.get(axis).copied());
        sizes.push(shape.ok_or_else(|| Gap("its shape is not known".to_owned()))?);
    }
    let total: usize = sizes.iter().sum();
    let parts: Vec<f64> = sizes
        .iter()
        .map(|&size| size as f64 / total as f64)
        .collect();
    let weights: Option<Vec<&Weight>> = (inputs.iter())
        .map(|known| match known {
            Known::Weight(weight) => Some(weight),
            _ => None,
        })
        .collect();
    if let Some(weights) = weights {
        for weight in &weights {
            weight.independent()?;
        }
        let mut joined = weights[0].clone();
        joined.shape[axis] = total;
        joined.name = joined.name.filter(|_| weights.len() == 1);
        let mean =
            |of: &dyn Fn(&Weight) -> f64| weights.iter().zip(&parts).map(|(w, p)| p * of(w)).sum();
        joined.moments.mean = mean(&|w| w.moments.mean);
        joined.moments.square = mean(&|w| w.moments.square);
        joined.moments.is_orthogonal &= weights.len() == 1;
        return Ok(Known::Weight(joined));
    }
    let mut signals = Vec::new();
    for known in &inputs {
        signals.push(match known {
            Known::Signal(id) => *id,
            Known::Weight(weight) => {
                let axes = axes_of(&weight.shape)?;
                let WeightMoments { mean, square, .. } = weight.independent()?;
                let signal = Signal::independent(axes, mean, square);
                let all = signal.axes.all();
                theory.push(Node::normal(signal, all, Origin::Fresh(None)))
            }
            Known::Constant(array) => {
                let signal = Signal::measured(&**array);
                let signal = signal.ok_or_else(|| Gap("it has too many axes".to_owned()))?;
                let all = signal.axes.all();
                theory.push(Node::normal(signal, all, Origin::Other))
            }
            _ => return Gap::new("it joins a signal with what is none"),
        });
    }
    joined(theory, &signals, axis, &sizes).map(Known::Signal)
}

/// Signals that are joined along an axis, each cut along the others as all of them are.
fn cut_alike(theory: &mut Theory, parts: &[SignalId], axis: usize) -> Vec<SignalId> {
    let mut made = parts.to_vec();
    for from in 0..made.len() {
        let cut = theory.signal(made[from]).axes.clone();
        for id in &mut made {
            *id = cut_as(theory, *id, &cut, axis);
        }
    }
    made
}

/// Signals one after the other along an axis.
pub(super) fn joined(
    theory: &mut Theory,
    parts: &[SignalId],
    axis: usize,
    sizes: &[usize],
) -> Result<SignalId, Gap> {
    if let [one] = *parts {
        return Ok(one);
    }
    let total: f64 = sizes.iter().map(|&size| size as f64).sum();
    let parts = &cut_alike(theory, parts, axis);
    // All with one atom along the axis, and the same others.
    let model = theory.signal(parts[0]).axes.clone();
    let mut shape: Vec<Vec<usize>> = (0..model.rank()).map(|a| model.axis(a).to_vec()).collect();
    shape[axis] = vec![total as usize];
    let axes = Axes::new(shape).ok_or_else(|| Gap("it has too many axes".to_owned()))?;
    let bit = axes.mask(axis);
    // Units may differ; a class token and patches are places that do.
    let is_of_units =
        |id: &SignalId| theory.signal(*id).axes.mask(axis) & !theory.nodes[*id].units == 0;
    if axis > 0
        && !parts.iter().all(is_of_units)
        && !parts.iter().all(|id| are_alike(theory, *id, parts[0]))
    {
        return Gap::new("it joins places that are not alike, such as a class token and patches");
    }
    let mut kernel = vec![0.0; 1 << axes.count()];
    let (mut mean, mut units) = (0.0, 0);
    let mut views = Vec::new();
    for (&id, &size) in parts.iter().zip(sizes) {
        let own = &theory.signal(id).axes;
        let fits = own.rank() == axes.rank()
            && (0..own.rank()).all(|a| a == axis || own.axis(a) == axes.axis(a));
        if !fits {
            return Gap::new("it joins signals of different axes");
        }
        let sources: Vec<Option<usize>> = (0..own.rank())
            .flat_map(|a| {
                let first = own.mask(a).trailing_zeros() as usize;
                let count = own.axis(a).len();
                let atoms: Vec<Option<usize>> = match a == axis {
                    true => vec![(count > 0).then(|| first + count - 1)],
                    false => (0..count).map(|i| Some(first + i)).collect(),
                };
                atoms
            })
            .collect();
        let view = theory.signal(id).viewed(axes.clone(), &sources);
        units |= new_mask(theory.nodes[id].units, &sources);
        let share = size as f64 / total;
        mean += share * view.mean;
        views.push((id, sources, view, share));
    }
    for (mask, made) in kernel.iter_mut().enumerate() {
        *made = match mask & bit {
            0 => views
                .iter()
                .map(|(_, _, view, share)| share * view.kernel[mask])
                .sum(),
            _ => {
                let mut sum = 0.0;
                for (i, (_, _, view, share)) in views.iter().enumerate() {
                    let size = share * total;
                    sum += share * (size - 1.0) / (total - 1.0) * view.kernel[mask];
                    for (_, _, other, more) in &views[..i] {
                        let pairs = 2.0 * share * more * total / (total - 1.0);
                        sum += pairs * view.mean * other.mean;
                    }
                }
                sum
            }
        };
    }
    let square = kernel[0];
    let signal = Signal { axes, mean, kernel };
    let mut node = Node::normal(signal, units, Origin::Other);
    let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
    let apart = |view: &Signal| view.square() - view.across_samples();
    let all_apart = views
        .iter()
        .map(|(_, _, view, share)| share * apart(view))
        .sum::<f64>();
    let (mut norms, mut aparts) = (Vec::new(), Vec::new());
    let mut fourth = 0.0;
    for (id, _, view, share) in &views {
        let from = &theory.nodes[*id];
        norms.push((from.norm, finite(share * view.square() / square)));
        aparts.push((from.apart, finite(share * apart(view) / all_apart)));
        node.alike += finite(share * view.square() / square).powi(2) * from.alike;
        fourth += share * from.fourth * (view.square() / square).powi(2);
    }
    node.fourth = finite(fourth);
    node.norm = theory.noises.add(&norms, 0.0);
    node.apart = theory.noises.add(&aparts, 0.0);
    node.joined = Some(Joined {
        axis,
        parts: parts.as_slice().into(),
        sizes: sizes.into(),
    });
    for (id, sources, _, _) in views {
        let count = theory.signal(id).axes.count();
        node.links.push(Link::plain(id, move |gradient| {
            let of = |old: Mask| gradient[new_mask(old, &sources)];
            (0..1 << count).map(of).collect()
        }));
    }
    Ok(theory.push(node))
}

/// Whether two signals have about the same size, and as much of it in common between samples.
fn are_alike(theory: &Theory, a: SignalId, b: SignalId) -> bool {
    const NEARLY: f64 = 0.02;
    let of = |id: SignalId| {
        let signal = theory.signal(id);
        [signal.square(), signal.across_samples()]
    };
    let (a, b) = (of(a), of(b));
    let most = a[0].max(b[0]);
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= NEARLY * most)
}

/// `Gather`: rows of a table, or places of a signal.
pub(super) fn gather(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let input = step.given(0)?;
    let Some(Known::Whole(indices)) = step.input(1) else {
        return Gap::new("its places depend on the data");
    };
    let shape = theory.known_shape(input)?;
    let axis = step.axis(step.int("axis", 0), shape.len())?;
    match input {
        Known::Weight(table) => rows(theory, table, axis, indices).map(Known::Signal),
        known => {
            let mut to = shape.clone();
            to.splice(axis..=axis, indices.shape().iter().copied());
            if let (&Known::Signal(x), Some(times)) = (known, each_repeated(indices, shape[axis])) {
                let made = repeat_each(theory, x, axis, times)?;
                let found = theory.signal(made).axes.reshaped(&to);
                let (axes, sources) =
                    found.ok_or_else(|| Gap("its places have axes of their own".to_owned()))?;
                return Ok(Known::Signal(view(theory, made, axes, &sources)));
            }
            let picked = known_part(theory, known, axis, indices.data().len().max(1))?;
            let Known::Signal(x) = picked else {
                return Ok(Known::Lost(Some(to)));
            };
            let (axes, sources) = (theory.signal(x).axes.reshaped(&to))
                .ok_or_else(|| Gap("its places have axes of their own".to_owned()))?;
            Ok(Known::Signal(view(theory, x, axes, &sources)))
        }
    }
}

/// How often each of so many places is taken, if each is taken as often, one after the other: keys
/// and values that several heads share.
fn each_repeated(indices: &Array<i64>, places: usize) -> Option<usize> {
    let taken = indices.data();
    let times = taken.len().checked_div(places)?;
    let is_next = |(at, &index): (usize, &i64)| usize::try_from(index) == Ok(at / times);
    let is_whole = times > 1 && times * places == taken.len();
    (is_whole && taken.iter().enumerate().all(is_next)).then_some(times)
}

/// A signal with each place of an axis repeated.
pub(super) fn repeat_each(
    theory: &mut Theory,
    x: SignalId,
    axis: usize,
    times: usize,
) -> Result<SignalId, Gap> {
    let axes = &theory.signal(x).axes;
    let mut shape: Vec<Vec<usize>> = (0..axes.rank())
        .map(|axis| axes.axis(axis).to_vec())
        .collect();
    let before: usize = shape[..=axis].iter().map(Vec::len).sum();
    shape[axis].push(times);
    let mut sources: Vec<Option<usize>> = (0..axes.count()).map(Some).collect();
    sources.insert(before, None);
    let made = Axes::new(shape).ok_or_else(|| Gap("it has too many axes".to_owned()))?;
    Ok(repeat(theory, x, made, &sources))
}

/// For each place of texts how often two words up to it are the same, beside any two of a text.
fn sooner(words: &Array<i64>) -> Option<Rc<[f64]>> {
    let &[texts, length] = words.shape() else {
        return None;
    };
    let mut same = vec![0.0; length];
    for text in words.data().chunks(length.max(1)) {
        let mut met: HashMap<i64, f64> = HashMap::new();
        let mut pairs = 0.0;
        for (word, same) in text.iter().zip(&mut same) {
            let before = met.entry(*word).or_default();
            pairs += *before;
            *before += 1.0;
            *same += pairs;
        }
    }
    let pairs = |place: usize| (place * (place + 1)) as f64 / 2.0 * texts as f64;
    let all = same.last()? / pairs(length - 1);
    let of = |(place, same): (usize, &f64)| match place {
        0 => 1.0,
        _ => same / pairs(place) / all,
    };
    (all > 0.0).then(|| same.iter().enumerate().map(of).collect())
}

/// Rows of a table of weights, the same wherever the index is the same.
fn rows(
    theory: &mut Theory,
    table: &Weight,
    axis: usize,
    indices: &Array<i64>,
) -> Result<SignalId, Gap> {
    let mut shape = table.shape.clone();
    shape.splice(axis..=axis, indices.shape().iter().copied());
    let axes = axes_of(&shape)?;
    let index_axes = axes_of(indices.shape())?;
    let same = kernel_of(&index_axes, |along| repeats(&index_axes, indices, along));
    let first = axes.masks(0..axis).count_ones() as usize;
    let among = ((1 << index_axes.count()) - 1) << first;
    let WeightMoments { mean, square, .. } = table.independent()?;
    let of = |mask: Mask| match mask & !among {
        0 => {
            let share = same[(mask & among) >> first];
            share * square + (1.0 - share) * mean * mean
        }
        _ => mean * mean,
    };
    let signal = Signal {
        kernel: (0..=axes.all()).map(of).collect(),
        mean,
        axes,
    };
    let units = signal.axes.all() & !among;
    let rows = (signal.axes.places(units), signal.axes.places(among));
    let origin = if mean == 0.0 {
        Origin::Fresh(None)
    } else {
        Origin::Other
    };
    let spread = if square > mean * mean {
        2.0 / rows.0
    } else {
        0.0
    };
    let noise = (
        super::super::spread::Noises::NONE,
        super::super::spread::Noises::NONE,
    );
    let (norm, apart) = theory.fresh_noise(&signal, units, 0.0, spread, noise);
    let mut node = Node::normal(signal, units, origin);
    // Two places are alike by chance, or have the same word.
    let words = same.last().map_or(0.0, |share| share * (1.0 - share));
    (node.norm, node.apart, node.alike) = (norm, apart, spread / 2.0 + words);
    node.sooner = sooner(indices);
    let made = theory.push(node);
    theory
        .tables
        .extend(table.name.clone().map(|name| (name, made)));
    Ok(made)
}

/// How often two places along the atoms of a mask have the same index, equal places included.
fn repeats(axes: &Axes, indices: &Array<i64>, along: Mask) -> f64 {
    let sizes: Vec<usize> = axes.atoms().collect();
    let steps = strides(&sizes);
    let mut keys: Vec<(usize, i64)> = (indices.data().iter().enumerate())
        .map(|(at, &index)| {
            let mut place = 0;
            for (atom, (&size, &step)) in sizes.iter().zip(&steps).enumerate() {
                if along >> atom & 1 == 0 {
                    place += at / step as usize % size * step as usize;
                }
            }
            (place, index)
        })
        .collect();
    keys.sort_unstable();
    let equal = keys
        .chunk_by(|a, b| a == b)
        .map(|run| (run.len() as f64).powi(2));
    let places = axes.places(along);
    equal.sum::<f64>() / (keys.len() as f64 * places).max(1.0)
}

/// `Shape` and `Size`.
pub(super) fn shape(theory: &Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let input = step.given(0)?;
    if step.node.operator == "Size" {
        let count = size(&theory.known_shape(input)?);
        return Ok(Known::Whole(Arc::new(Array::scalar(count as i64))));
    }
    let shape = theory.known_shape(input)?;
    let rank = shape.len() as i64;
    let bound = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize;
    let (start, end) = (bound(step.int("start", 0)), bound(step.int("end", rank)));
    let sizes = shape[start.min(end)..end].iter().map(|&size| size as i64);
    Ok(Known::Whole(Arc::new(Array::list(sizes.collect()))))
}
