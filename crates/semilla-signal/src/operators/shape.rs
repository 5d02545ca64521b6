//! Operators on shapes: reshape, transpose, slice, split, repeat.

use std::sync::Arc;

use super::movement::{Movement, concatenated, moved, shape_of};
use crate::array::{Array, checked_size, size, strides};
use crate::executor::{Call, Made, Operator, Pass, Problem, Value, affordable};
use crate::real::Real;
use crate::walk::{broadcast, broadcast_strides};

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "Identity" | "Dropout" => Ok(Made::Values(vec![call.value(0)?.clone()])),
        "Reshape" => reshape(call),
        "Flatten" => flatten(call),
        "Squeeze" => squeeze(call),
        "Unsqueeze" => unsqueeze(call),
        "Transpose" => transpose(call),
        "Expand" => expand(call),
        "Tile" => tile(call),
        "Slice" => slice(call),
        "Split" => split(call),
        "Concat" => {
            let values: Vec<Value> = call.inputs.iter().flatten().cloned().collect();
            concatenated(call, &values, call.int("axis", 0)?)
        }
        "DepthToSpace" => depth_to_space(call),
        "SpaceToDepth" => space_to_depth(call),
        "Trilu" => trilu(call),
        "Shape" => shape(call),
        "Size" => Made::whole(Array::scalar(size(&shape_of(call, 0)?) as i64)),
        _ => return Ok(None),
    };
    made.map(Some)
}

fn wrong(name: &'static str, value: impl std::fmt::Debug) -> Problem {
    let value: String = format!("{value:?}").chars().take(80).collect();
    Problem::Attribute { name, value }
}

fn reshape<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let asked = call.list(1, "shape")?.ok_or(Problem::MissingInput(1))?;
    let keeps_zeros = call.int("allowzero", 0)? != 0;
    let mut open = None;
    let mut to = Vec::new();
    for (axis, &size) in asked.iter().enumerate() {
        to.push(match size {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !keeps_zeros => *from.get(axis).ok_or_else(|| wrong("shape", &asked))?,
            size => usize::try_from(size).map_err(|_| wrong("shape", &asked))?,
        });
    }
    if let Some(axis) = open {
        let rest = checked_size(&to).filter(|&rest| rest > 0);
        to[axis] = match rest {
            Some(rest) => size(&from) / rest,
            None => 0,
        };
    }
    if checked_size(&to) != Some(size(&from)) {
        return Err(call.shapes("the new shape has as many elements as the old"));
    }
    moved(call, 0, Movement::Reshape(to))
}

fn flatten<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let axis = call.int("axis", 1)?;
    let axis = match axis == from.len() as i64 {
        true => from.len(),
        false => call.axis(axis, from.len())?,
    };
    let to = vec![size(&from[..axis]), size(&from[axis..])];
    moved(call, 0, Movement::Reshape(to))
}

fn squeeze<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let axes = match call.list(1, "axes")? {
        Some(axes) => call.axes(&axes, from.len())?,
        None => (0..from.len()).filter(|&axis| from[axis] == 1).collect(),
    };
    if axes.iter().any(|&axis| from[axis] != 1) {
        return Err(call.shapes("only axes of size 1 can be left out"));
    }
    let kept = (0..from.len()).filter(|axis| !axes.contains(axis));
    moved(
        call,
        0,
        Movement::Reshape(kept.map(|axis| from[axis]).collect()),
    )
}

fn unsqueeze<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let axes = call.list(1, "axes")?.ok_or(Problem::MissingInput(1))?;
    let axes = call.axes(&axes, from.len() + axes.len())?;
    let mut sizes = from.iter();
    let to = (0..from.len() + axes.len()).map(|axis| match axes.contains(&axis) {
        true => 1,
        false => *sizes.next().expect("as many axes as there were"),
    });
    moved(call, 0, Movement::Reshape(to.collect()))
}

fn transpose<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let order = match call.ints("perm")? {
        None => (0..from.len()).rev().collect(),
        Some(order) => {
            call.axes(&order, from.len())?;
            let order: Result<Vec<usize>, _> = order
                .iter()
                .map(|&axis| call.axis(axis, from.len()))
                .collect();
            order?
        }
    };
    if order.len() != from.len() {
        return Err(wrong("perm", order));
    }
    moved(call, 0, Movement::transpose(&from, &order))
}

fn expand<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let asked = call.list(1, "shape")?.ok_or(Problem::MissingInput(1))?;
    let asked = sizes("shape", &asked)?;
    let to = broadcast(&from, &asked).ok_or_else(|| call.shapes("they do not broadcast"))?;
    affordable(&to)?;
    let strides = broadcast_strides(&from, &to);
    let view = Movement::View {
        shape: to,
        start: 0,
        strides,
    };
    moved(call, 0, view)
}

/// Sizes, none below 0.
pub(crate) fn sizes(name: &'static str, values: &[i64]) -> Result<Vec<usize>, Problem> {
    let sizes: Option<Vec<usize>> = values.iter().map(|&size| size.try_into().ok()).collect();
    sizes.ok_or_else(|| wrong(name, values))
}

fn tile<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let repeats = sizes("repeats", call.whole(1)?.data())?;
    if repeats.len() != from.len() {
        return Err(wrong("repeats", repeats));
    }
    let to: Option<Vec<usize>> = from
        .iter()
        .zip(&repeats)
        .map(|(&size, &times)| size.checked_mul(times))
        .collect();
    let to = to.ok_or(Problem::TooLarge(usize::MAX))?;
    affordable(&to)?;
    let own = strides(&from);
    let places = indices(&to).map(|index| {
        let offset = (0..from.len()).map(|axis| (index[axis] % from[axis]) * own[axis] as usize);
        Some(offset.sum())
    });
    let pick = Movement::Pick {
        places: places.collect(),
        shape: to,
        filling: 0.0,
    };
    moved(call, 0, pick)
}

/// All indices of a shape, row-major.
pub(crate) fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let own: Vec<usize> = strides(shape)
        .iter()
        .map(|&stride| stride as usize)
        .collect();
    let shape = shape.to_vec();
    let count = size(&shape);
    (0..count).map(move |at| {
        (0..shape.len())
            .map(|axis| at / own[axis] % shape[axis])
            .collect()
    })
}

fn slice<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let starts = call.list(1, "starts")?.ok_or(Problem::MissingInput(1))?;
    let ends = call.list(2, "ends")?.ok_or(Problem::MissingInput(2))?;
    let axes = call
        .list(3, "axes")?
        .unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.list(4, "steps")?;
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()]
        .iter()
        .any(|&len| len != starts.len())
    {
        return Err(wrong(
            "starts, ends, axes and steps",
            (&starts, &ends, &axes, &steps),
        ));
    }
    let mut to = from.clone();
    let own = strides(&from);
    let mut view_strides = own.clone();
    let mut at = 0isize;
    for (place, &axis) in axes.iter().enumerate() {
        let axis = call.axis(axis, from.len())?;
        let (first, count) = range(starts[place], ends[place], steps[place], from[axis])
            .ok_or_else(|| wrong("steps", &steps))?;
        to[axis] = count;
        at += first as isize * own[axis];
        view_strides[axis] = own[axis].saturating_mul(steps[place] as isize);
    }
    let view = Movement::View {
        shape: to,
        start: at as usize,
        strides: view_strides,
    };
    moved(call, 0, view)
}

/// The first index of a slice along an axis, and the number of indices; `None` for steps of 0.
fn range(start: i64, end: i64, step: i64, size: usize) -> Option<(usize, usize)> {
    let size = size as i64;
    let from_end = |index: i64| {
        if index < 0 {
            index.saturating_add(size)
        } else {
            index
        }
    };
    let (start, end) = (from_end(start), from_end(end));
    if step == 0 {
        return None;
    }
    let (start, end) = match step > 0 {
        true => (start.clamp(0, size), end.clamp(0, size)),
        false => (start.clamp(-1, size - 1), end.clamp(-1, size - 1)),
    };
    let distance = if step > 0 { end - start } else { start - end };
    let step = step.unsigned_abs() as i64;
    let count = if distance > 0 {
        (distance - 1) / step + 1
    } else {
        0
    };
    Some((start.max(0) as usize, count as usize))
}

fn split<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let axis = call.axis(call.int("axis", 0)?, from.len())?;
    let parts = split_sizes(call, from[axis])?;
    let views = sections(&from, axis, &parts);
    match call.value(0)? {
        Value::Whole(array) => {
            let made = views
                .iter()
                .map(|view| Value::Whole(Arc::new(view.apply(array, |value| value as i64))));
            Ok(Made::Values(made.collect()))
        }
        _ => Made::step(Sections { views }, [call.float(0)?]),
    }
}

/// Views of consecutive parts along an axis.
pub(crate) fn sections(from: &[usize], axis: usize, parts: &[usize]) -> Vec<Movement> {
    let own = strides(from);
    let mut first = 0;
    let views = parts.iter().map(|&part| {
        let mut shape = from.to_vec();
        shape[axis] = part;
        let view = Movement::View {
            shape,
            start: first * own[axis] as usize,
            strides: own.clone(),
        };
        first += part;
        view
    });
    views.collect()
}

/// Several views of one array.
pub(crate) struct Sections {
    pub(crate) views: Vec<Movement>,
}

impl<T: Real> Operator<T> for Sections {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        self.views
            .iter()
            .map(|view| view.apply(inputs[0], T::of))
            .collect()
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let mut sum = Array::filled(pass.inputs[0].shape(), T::zero());
        for (view, gradient) in self.views.iter().zip(&pass.gradients) {
            if let Some(gradient) = gradient {
                view.add_back(gradient, &mut sum);
            }
        }
        Pass::only(sum)
    }
}

fn split_sizes<T: Real>(call: &Call<'_, T>, whole: usize) -> Result<Vec<usize>, Problem> {
    if let Some(parts) = call.list(1, "split")? {
        let parts = sizes("split", &parts)?;
        let total = parts
            .iter()
            .try_fold(0usize, |sum, &part| sum.checked_add(part));
        return match total == Some(whole) {
            true => Ok(parts),
            false => Err(wrong("split", (parts, whole))),
        };
    }
    let count = call.int("num_outputs", call.node.outputs.len() as i64)?;
    let count = usize::try_from(count).ok().filter(|&count| count > 0);
    let count = count.ok_or_else(|| wrong("num_outputs", call.node.int("num_outputs")))?;
    let part = whole.div_ceil(count);
    let part_of = |index: usize| whole.saturating_sub(index * part).min(part);
    Ok((0..count).map(part_of).collect())
}

fn depth_to_space<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let (shape, block) = (shape_of(call, 0)?, block_of(call)?);
    let [n, c, h, w] = <[usize; 4]>::try_from(shape).map_err(|shape| wrong("shape", shape))?;
    if !c.is_multiple_of(block * block) {
        return Err(call.shapes("the channels are a multiple of the block"));
    }
    let inner = c / (block * block);
    let (split, order) = match call.text("mode", "DCR")? {
        "CRD" => ([n, inner, block, block, h, w], [0, 1, 4, 2, 5, 3]),
        _ => ([n, block, block, inner, h, w], [0, 3, 4, 1, 5, 2]),
    };
    rearranged(call, &split, &order, vec![n, inner, h * block, w * block])
}

fn space_to_depth<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let (shape, block) = (shape_of(call, 0)?, block_of(call)?);
    let [n, c, h, w] = <[usize; 4]>::try_from(shape).map_err(|shape| wrong("shape", shape))?;
    if h % block != 0 || w % block != 0 {
        return Err(call.shapes("height and width are multiples of the block"));
    }
    let split = [n, c, h / block, block, w / block, block];
    let to = vec![n, c * block * block, h / block, w / block];
    rearranged(call, &split, &[0, 3, 5, 1, 2, 4], to)
}

fn block_of<T: Real>(call: &Call<'_, T>) -> Result<usize, Problem> {
    let block = call.int("blocksize", 0)?;
    let found = usize::try_from(block)
        .ok()
        .filter(|&block| block > 0 && block < 1 << 16);
    found.ok_or_else(|| wrong("blocksize", block))
}

/// An input split into axes that are then put in a different order, as one movement.
fn rearranged<T: Real>(
    call: &Call<'_, T>,
    split: &[usize],
    order: &[usize],
    to: Vec<usize>,
) -> Result<Made<T>, Problem> {
    let Movement::View { shape, strides, .. } = Movement::transpose(split, order) else {
        unreachable!("a transpose is a view");
    };
    let places = Array::new(split, (0..size(split)).collect()).expect("a place per element");
    let view = Movement::View {
        shape,
        start: 0,
        strides,
    };
    let places = view.apply(&places, |_| 0).into_data();
    let pick = Movement::Pick {
        shape: to,
        places: places.into_iter().map(Some).collect(),
        filling: 0.0,
    };
    moved(call, 0, pick)
}

fn trilu<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = shape_of(call, 0)?;
    let is_upper = call.int("upper", 1)? != 0;
    let shift = if call.has(1) {
        call.number(1)? as i64
    } else {
        0
    };
    let Some((&columns, &rows)) = shape.last().zip(shape.iter().nth_back(1)) else {
        return Err(call.shapes("a matrix has two axes"));
    };
    let places = (0..size(&shape)).map(|at| {
        let (row, column) = ((at / columns % rows) as i64, (at % columns) as i64);
        let is_kept = match is_upper {
            true => column - row >= shift,
            false => column - row <= shift,
        };
        is_kept.then_some(at)
    });
    let pick = Movement::Pick {
        places: places.collect(),
        shape,
        filling: 0.0,
    };
    moved(call, 0, pick)
}

fn shape<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = shape_of(call, 0)?;
    let (start, end) = (call.int("start", 0)?, call.int("end", i64::MAX)?);
    let (first, count) = range(start, end, 1, shape.len()).unwrap_or((0, 0));
    let sizes = shape[first..first + count].iter().map(|&size| size as i64);
    Made::whole(Array::list(sizes.collect()))
}
