//! Elements picked by indices that are known: embeddings, cuts, scatters.

use super::movement::{Movement, moved, shape_of};
use crate::array::{Array, around, size, strides};
use crate::executor::{Call, Made, Operator, Pass, Problem, affordable};
use crate::real::Real;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "Gather" => gather(call),
        "GatherElements" => gather_elements(call),
        "GatherND" => gather_nd(call),
        "ScatterElements" | "Scatter" => scatter_elements(call),
        "ScatterND" => scatter_nd(call),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// An index that may be counted from the end.
fn at(index: i64, size: usize) -> Result<usize, Problem> {
    let from_start = if index < 0 {
        index + size as i64
    } else {
        index
    };
    let found = usize::try_from(from_start)
        .ok()
        .filter(|&index| index < size);
    found.ok_or_else(|| Problem::Attribute {
        name: "index",
        value: format!("{index} of {size}"),
    })
}

fn gather<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let indices = call.whole(1)?;
    let axis = call.axis(call.int("axis", 0)?, from.len())?;
    let (outer, count, inner) = around(&from, axis);
    let mut shape = from[..axis].to_vec();
    shape.extend(indices.shape());
    shape.extend(&from[axis + 1..]);
    affordable(&shape)?;
    let found: Result<Vec<usize>, _> = indices.data().iter().map(|&i| at(i, count)).collect();
    let found = found?;
    let mut places = Vec::with_capacity(size(&shape));
    for row in 0..outer {
        for index in &found {
            let start = (row * count + index) * inner;
            places.extend((start..start + inner).map(Some));
        }
    }
    let pick = Movement::Pick {
        shape,
        places,
        filling: 0.0,
    };
    moved(call, 0, pick)
}

/// The places that an array of indices means along an axis.
fn element_places<T: Real>(
    call: &Call<'_, T>,
    from: &[usize],
    indices: &Array<i64>,
) -> Result<Vec<usize>, Problem> {
    let axis = call.axis(call.int("axis", 0)?, from.len())?;
    let fits = indices.rank() == from.len()
        && (0..from.len()).all(|other| other == axis || indices.shape()[other] <= from[other]);
    if !fits {
        return Err(call.shapes("the indices lie within the array"));
    }
    let own = strides(from);
    let places = super::shape::indices(indices.shape()).zip(indices.data());
    let places = places.map(|(mut index, &chosen)| {
        index[axis] = at(chosen, from[axis])?;
        Ok(index
            .iter()
            .zip(&own)
            .map(|(&i, &stride)| i * stride as usize)
            .sum())
    });
    places.collect()
}

fn gather_elements<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let indices = call.whole(1)?;
    let places = element_places(call, &from, &indices)?;
    let pick = Movement::Pick {
        shape: indices.shape().to_vec(),
        places: places.into_iter().map(Some).collect(),
        filling: 0.0,
    };
    moved(call, 0, pick)
}

/// The starts of the slices that tuples of indices mean, and the size of each.
fn tuple_places(
    from: &[usize],
    indices: &Array<i64>,
    batch: usize,
) -> Result<(Vec<usize>, Vec<usize>), Problem> {
    let problem = || Problem::Shapes {
        what: "the last axis of the indices counts leading axes",
        found: vec![from.to_vec(), indices.shape().to_vec()],
    };
    let (&tuple, outer) = indices.shape().split_last().ok_or_else(problem)?;
    if batch + tuple > from.len() || outer.len() < batch || from[..batch] != outer[..batch] {
        return Err(problem());
    }
    let own = strides(from);
    let rest = from[batch + tuple..].to_vec();
    let per_batch = size(&outer[batch..]);
    let mut starts = Vec::new();
    for position in 0..size(outer) {
        let chosen = &indices.data()[position * tuple..][..tuple];
        let in_batch = position.checked_div(per_batch).unwrap_or(0);
        let mut start = in_batch * size(&from[batch..]);
        for (i, &index) in chosen.iter().enumerate() {
            start += at(index, from[batch + i])? * own[batch + i] as usize;
        }
        starts.push(start);
    }
    Ok((starts, rest))
}

fn gather_nd<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let indices = call.whole(1)?;
    let batch = call.int("batch_dims", 0)?;
    let batch = usize::try_from(batch).unwrap_or(usize::MAX).min(from.len());
    let (starts, rest) = tuple_places(&from, &indices, batch)?;
    let mut shape = indices.shape()[..indices.rank() - 1].to_vec();
    shape.extend(&rest);
    affordable(&shape)?;
    let len = size(&rest);
    let places = starts
        .iter()
        .flat_map(|&start| (start..start + len).map(Some));
    let pick = Movement::Pick {
        shape,
        places: places.collect(),
        filling: 0.0,
    };
    moved(call, 0, pick)
}

/// Updates written or added at places of an array.
struct Scatter {
    places: Vec<usize>,
    adds: bool,
}

impl Scatter {
    fn write<E: Copy>(&self, onto: &Array<E>, updates: &[E], add: impl Fn(E, E) -> E) -> Array<E> {
        let mut result = onto.clone();
        for (&place, &update) in self.places.iter().zip(updates) {
            let element = &mut result.data_mut()[place];
            *element = if self.adds {
                add(*element, update)
            } else {
                update
            };
        }
        result
    }

    fn made<T: Real>(self, call: &Call<'_, T>) -> Result<Made<T>, Problem> {
        if size(&shape_of(call, 2)?) != self.places.len() {
            return Err(call.shapes("an update for each index"));
        }
        match call.is_float(0) {
            true => Made::step(self, [call.float(0)?, call.float(2)?]),
            false => {
                let (onto, updates) = (call.whole(0)?, call.whole(2)?);
                Made::whole(self.write(&onto, updates.data(), i64::wrapping_add))
            }
        }
    }
}

impl<T: Real> Operator<T> for Scatter {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        vec![self.write(inputs[0], inputs[1].data(), |a, b| a + b)]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let onto = pass.if_wanted(0, || {
            let mut own = gradient.clone().into_owned();
            if !self.adds {
                self.places
                    .iter()
                    .for_each(|&place| own.data_mut()[place] = T::zero());
            }
            own
        });
        let updates = pass.if_wanted(1, || {
            // Of updates to one place only the last one stays.
            let mut last = vec![usize::MAX; gradient.data().len()];
            self.places
                .iter()
                .enumerate()
                .for_each(|(i, &place)| last[place] = i);
            let taken = self.places.iter().enumerate().map(|(i, &place)| {
                match self.adds || last[place] == i {
                    true => gradient.data()[place],
                    false => T::zero(),
                }
            });
            Array::new(pass.inputs[1].shape(), taken.collect()).expect("one per update")
        });
        vec![onto, updates]
    }
}

fn adds<T: Real>(call: &Call<'_, T>) -> Result<bool, Problem> {
    match call.text("reduction", "none")? {
        "none" => Ok(false),
        "add" => Ok(true),
        other => Err(Problem::Unsupported(format!("the reduction {other:?}"))),
    }
}

fn scatter_elements<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let places = element_places(call, &shape_of(call, 0)?, &*call.whole(1)?)?;
    let adds = adds(call)?;
    Scatter { places, adds }.made(call)
}

fn scatter_nd<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let (starts, rest) = tuple_places(&shape_of(call, 0)?, &*call.whole(1)?, 0)?;
    let len = size(&rest);
    let places = starts
        .iter()
        .flat_map(|&start| start..start + len)
        .collect();
    let adds = adds(call)?;
    Scatter { places, adds }.made(call)
}
