//! Elements added at the edges.

use super::movement::{Movement, moved, shape_of};
use super::shape::indices;
use crate::array::strides;
use crate::executor::{Call, Made, Problem, affordable};
use crate::real::Real;

/// `Pad`.
pub(crate) fn lower<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let from = shape_of(call, 0)?;
    let pads = call.list(1, "pads")?.ok_or(Problem::MissingInput(1))?;
    let axes = match call.has(3) {
        true => call.whole(3)?.data().to_vec(),
        false => (0..from.len() as i64).collect(),
    };
    let wrong = || Problem::Attribute {
        name: "pads",
        value: format!("{pads:?}"),
    };
    if pads.len() != 2 * axes.len() {
        return Err(wrong());
    }
    let mut before = vec![0i64; from.len()];
    let mut shape = from.clone();
    for (place, &axis) in axes.iter().enumerate() {
        let axis = call.axis(axis, from.len())?;
        let (first, last) = (pads[place], pads[place + axes.len()]);
        before[axis] = first;
        let size = first
            .checked_add(last)
            .and_then(|sum| sum.checked_add(from[axis] as i64));
        shape[axis] = size
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(wrong)?;
    }
    affordable(&shape)?;
    let filling = if call.has(2) {
        call.number(2)?
    } else {
        call.real("value", 0.0)?
    };
    let mode = call.text("mode", "constant")?;
    let source = match mode {
        "constant" => |at: i64, size: i64| (0..size).contains(&at).then_some(at),
        "edge" => |at: i64, size: i64| (size > 0).then(|| at.clamp(0, size - 1)),
        "reflect" => reflected,
        "wrap" => |at: i64, size: i64| (size > 0).then(|| at.rem_euclid(size)),
        other => return Err(Problem::Unsupported(format!("the mode {other:?}"))),
    };
    let own = strides(&from);
    let places = indices(&shape).map(|index| {
        let mut place = 0;
        for axis in 0..from.len() {
            let at = source(index[axis] as i64 - before[axis], from[axis] as i64)?;
            place += at as usize * own[axis] as usize;
        }
        Some(place)
    });
    let pick = Movement::Pick {
        places: places.collect(),
        shape,
        filling,
    };
    moved(call, 0, pick)
}

/// Mirrored at the first and the last element, which are not repeated.
fn reflected(at: i64, size: i64) -> Option<i64> {
    if size <= 1 {
        return (size == 1).then_some(0);
    }
    let period = 2 * (size - 1);
    let at = at.rem_euclid(period);
    Some(at.min(period - at))
}
