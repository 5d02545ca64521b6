//! Places of the greatest elements, and of those that are not 0.

use std::cmp::Ordering;
use std::sync::Arc;

use super::movement::{Movement, moved, shape_of};
use crate::array::{Array, around, size};
use crate::executor::{Call, Made, Problem, Value};
use crate::real::Real;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "ArgMax" => extreme(call, true),
        "ArgMin" => extreme(call, false),
        "TopK" => top(call),
        "NonZero" => non_zero(call),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// The elements of an input of either kind.
fn numbers<T: Real>(call: &Call<'_, T>, input: usize) -> Result<Vec<f64>, Problem> {
    match call.is_float(input) {
        true => Ok(call
            .float(input)?
            .array
            .data()
            .iter()
            .map(|x| x.f64())
            .collect()),
        false => Ok(call
            .whole(input)?
            .data()
            .iter()
            .map(|&x| x as f64)
            .collect()),
    }
}

fn extreme<T: Real>(call: &Call<'_, T>, is_greatest: bool) -> Result<Made<T>, Problem> {
    let mut shape = shape_of(call, 0)?;
    let axis = call.axis(call.int("axis", 0)?, shape.len())?;
    let takes_last = call.int("select_last_index", 0)? != 0;
    let x = numbers(call, 0)?;
    let (outer, len, inner) = around(&shape, axis);
    let mut found = Vec::with_capacity(outer * inner);
    for row in 0..outer {
        for column in 0..inner {
            let at = |index: usize| x[(row * len + index) * inner + column];
            let best = (1..len).fold(0, |best, index| {
                let order = at(index).partial_cmp(&at(best)).unwrap_or(Ordering::Equal);
                let wins = match is_greatest {
                    true => order == Ordering::Greater,
                    false => order == Ordering::Less,
                };
                if wins || (takes_last && order == Ordering::Equal) {
                    index
                } else {
                    best
                }
            });
            found.push(best as i64);
        }
    }
    if call.int("keepdims", 1)? != 0 {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    let found = Array::new(shape, found);
    Made::whole(found.ok_or_else(|| call.shapes("the axis has elements"))?)
}

fn top<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let mut shape = shape_of(call, 0)?;
    let axis = call.axis(call.int("axis", -1)?, shape.len())?;
    let is_largest = call.int("largest", 1)? != 0;
    let count = match call.has(1) {
        true => call.number(1)?,
        false => call.int("k", 1)? as f64,
    };
    let x = numbers(call, 0)?;
    let (outer, len, inner) = around(&shape, axis);
    let count = (count.max(0.0) as usize).min(len);
    shape[axis] = count;
    let total = size(&shape);
    let (mut places, mut indices) = (vec![None; total], vec![0; total]);
    for row in 0..outer {
        for column in 0..inner {
            let place = |index: usize| (row * len + index) * inner + column;
            let mut order: Vec<usize> = (0..len).collect();
            order.sort_by(|&a, &b| {
                let order = x[place(a)].total_cmp(&x[place(b)]);
                if is_largest { order.reverse() } else { order }
            });
            for (rank, &index) in order[..count].iter().enumerate() {
                let to = (row * count + rank) * inner + column;
                places[to] = Some(place(index));
                indices[to] = index as i64;
            }
        }
    }
    let indices = Array::new(&*shape, indices).expect("an index per element");
    let indices = Value::Whole(Arc::new(indices));
    let pick = Movement::Pick {
        shape,
        places,
        filling: 0.0,
    };
    Ok(match moved(call, 0, pick)? {
        Made::Step {
            operator, inputs, ..
        } => Made::Step {
            operator,
            inputs,
            more: vec![indices],
        },
        Made::Values(mut values) => {
            values.push(indices);
            Made::Values(values)
        }
        other => other,
    })
}

fn non_zero<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = shape_of(call, 0)?;
    let x = numbers(call, 0)?;
    let found: Vec<Vec<usize>> = super::shape::indices(&shape)
        .zip(&x)
        .filter(|(_, x)| **x != 0.0)
        .map(|(index, _)| index)
        .collect();
    let rows = (0..shape.len()).flat_map(|axis| found.iter().map(move |index| index[axis] as i64));
    let rows = Array::new([shape.len(), found.len()], rows.collect());
    Made::whole(rows.expect("a row per axis"))
}
