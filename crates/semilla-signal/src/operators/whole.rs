//! Whole numbers, which are computed at once; constants; and changes between kinds.

use semilla::graph::Attribute;

use super::arithmetic::combine;
use super::unary::Unary;
use crate::array::Array;
use crate::executor::{Call, Made, Problem, affordable};
use crate::real::Real;
use crate::walk::broadcast;

/// The operators by name; `None` if the operator is none of them, or if its inputs are floats.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "Constant" => constant(call),
        "ConstantOfShape" => constant_of_shape(call),
        "Cast" | "CastLike" => cast(operator, call),
        "Range" => range(call),
        "EyeLike" => eye(call),
        "OneHot" => one_hot(call),
        "Clip" => clip(call),
        _ if call.inputs.is_empty() || !call.are_whole() => return Ok(None),
        "Add" | "Sum" => fold(call, i64::wrapping_add),
        "Sub" => fold(call, i64::wrapping_sub),
        "Mul" => fold(call, i64::wrapping_mul),
        "Max" => fold(call, i64::max),
        "Min" => fold(call, i64::min),
        "Div" => divide(call, i64::wrapping_div),
        "Mod" => match call.int("fmod", 0)? {
            0 => divide(call, |a, b| {
                let rest = a.wrapping_rem(b);
                if rest != 0 && (rest < 0) != (b < 0) {
                    rest + b
                } else {
                    rest
                }
            }),
            _ => divide(call, i64::wrapping_rem),
        },
        "Pow" => fold(call, |a, b| {
            a.wrapping_pow(b.clamp(0, u32::MAX.into()) as u32)
        }),
        "Neg" => Made::whole(call.whole(0)?.map(i64::wrapping_neg)),
        "Abs" => Made::whole(call.whole(0)?.map(i64::wrapping_abs)),
        "Sign" => Made::whole(call.whole(0)?.map(i64::signum)),
        _ => return Ok(None),
    };
    made.map(Some)
}

fn fold<T: Real>(call: &Call<'_, T>, f: fn(i64, i64) -> i64) -> Result<Made<T>, Problem> {
    let mut result = (*call.whole(0)?).clone();
    for input in 1..call.inputs.len() {
        let next = call.whole(input)?;
        let shape = broadcast(result.shape(), next.shape());
        let shape = shape.ok_or_else(|| call.shapes("they do not broadcast"))?;
        result = combine(&shape, &result, &next, f);
    }
    Made::whole(result)
}

fn divide<T: Real>(call: &Call<'_, T>, f: fn(i64, i64) -> i64) -> Result<Made<T>, Problem> {
    if call.inputs.len() != 2 {
        return Err(call.shapes("two inputs"));
    }
    match call.whole(1)?.data().contains(&0) {
        true => Err(Problem::Unsupported(
            "a division of whole numbers by 0".to_owned(),
        )),
        false => fold(call, f),
    }
}

fn constant<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let node = call.node;
    let found = node
        .attributes
        .iter()
        .find_map(|(name, value)| match (&**name, value) {
            ("value", Attribute::Tensor(literal)) => Call::literal(literal),
            ("value_float", &Attribute::Float(value)) => {
                Made::constant(Array::scalar(T::of(value.into()))).ok()
            }
            ("value_floats", Attribute::Floats(values)) => {
                let values = values.iter().map(|&value| T::of(value.into()));
                Made::constant(Array::list(values.collect())).ok()
            }
            ("value_int", &Attribute::Int(value)) => Made::whole(Array::scalar(value)).ok(),
            ("value_ints", Attribute::Ints(values)) => {
                Made::whole(Array::list(values.clone())).ok()
            }
            _ => None,
        });
    found.ok_or_else(|| Problem::Unsupported("a constant of this kind".to_owned()))
}

fn constant_of_shape<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = super::shape::sizes("shape", call.whole(0)?.data())?;
    affordable(&shape)?;
    let literal = match call.node.attribute("value") {
        None => return Made::constant(Array::filled(shape, T::zero())),
        Some(Attribute::Tensor(literal)) => literal,
        Some(_) => return Err(Problem::Unsupported("a constant of this kind".to_owned())),
    };
    match Call::<T>::literal(literal) {
        Some(Made::Constants(arrays)) if arrays[0].data().len() == 1 => {
            Made::constant(Array::filled(shape, arrays[0].data()[0]))
        }
        _ => match literal.ints().as_deref() {
            Some(&[value]) => Made::whole(Array::filled(shape, value)),
            _ => Err(Problem::Unsupported("a constant of this kind".to_owned())),
        },
    }
}

/// ONNX's numbers of element types.
mod code {
    pub(super) const STRING: i64 = 8;
    pub(super) const BOOL: i64 = 9;
    pub(super) const FLOATS: [i64; 9] = [1, 10, 11, 16, 17, 18, 19, 20, 23];
}

fn cast<T: Real>(operator: &str, call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let to = match operator {
        "CastLike" if call.is_float(1) => 1,
        "CastLike" => 7,
        _ => call.int("to", 1)?,
    };
    match (call.is_float(0), code::FLOATS.contains(&to)) {
        _ if to == code::STRING => Err(Problem::Unsupported("text".to_owned())),
        (true, true) => Ok(Made::Values(vec![call.value(0)?.clone()])),
        (false, true) => Made::constant(call.whole(0)?.map(|x| T::of(x as f64))),
        (true, false) if to == code::BOOL => {
            Made::whole(call.float(0)?.array.map(|x| (x != T::zero()).into()))
        }
        (true, false) => Made::whole(call.float(0)?.array.map(|x| x.f64() as i64)),
        (false, false) if to == code::BOOL => Made::whole(call.whole(0)?.map(|x| (x != 0).into())),
        (false, false) => Ok(Made::Values(vec![call.value(0)?.clone()])),
    }
}

fn range<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let [start, limit, step] = [call.number(0)?, call.number(1)?, call.number(2)?];
    let count = ((limit - start) / step).ceil();
    if step == 0.0 || count.is_nan() {
        return Err(Problem::Attribute {
            name: "step",
            value: step.to_string(),
        });
    }
    let count = affordable(&[count.max(0.0) as usize])?;
    match call.are_whole() {
        true => {
            let values = (0..count as i64).map(|i| start as i64 + i * step as i64);
            Made::whole(Array::list(values.collect()))
        }
        false => {
            let values = (0..count).map(|i| T::of(start + i as f64 * step));
            Made::constant(Array::list(values.collect()))
        }
    }
}

fn eye<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = super::movement::shape_of(call, 0)?;
    let &[rows, columns] = &*shape else {
        return Err(call.shapes("a matrix has two axes"));
    };
    let shift = call.int("k", 0)?;
    let at = |at: usize| (at % columns) as i64 - (at / columns) as i64 == shift;
    let ones = (0..rows * columns).map(at);
    let is_float = call
        .int("dtype", 1)
        .map(|dtype| code::FLOATS.contains(&dtype))?;
    match is_float {
        true => {
            let ones = ones.map(|one| if one { T::one() } else { T::zero() });
            Made::constant(Array::new(shape.clone(), ones.collect()).expect("all elements"))
        }
        false => {
            Made::whole(Array::new(shape.clone(), ones.map(i64::from).collect()).expect("all"))
        }
    }
}

fn one_hot<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let indices = match call.is_float(0) {
        true => call.float(0)?.array.map(|x| x.f64() as i64),
        false => (*call.whole(0)?).clone(),
    };
    let depth = affordable(&[call.number(1)?.max(0.0) as usize])?;
    let mut shape = indices.shape().to_vec();
    let axis = call.axis(call.int("axis", -1)?, shape.len() + 1)?;
    shape.insert(axis, depth);
    affordable(&shape)?;
    let hot = super::shape::indices(&shape).map(|mut index| {
        let class = index.remove(axis) as i64;
        let own = crate::array::strides(indices.shape());
        let at: usize = index
            .iter()
            .zip(&own)
            .map(|(&i, &stride)| i * stride as usize)
            .sum();
        let chosen = indices.data()[at];
        chosen == class || chosen + depth as i64 == class
    });
    match call.is_float(2) {
        true => {
            let values = call.float(2)?.array.data();
            let &[off, on] = values else {
                return Err(call.shapes("two values"));
            };
            let made = hot.map(|hot| if hot { on } else { off }).collect();
            Made::constant(Array::new(shape.clone(), made).expect("all elements"))
        }
        false => {
            let values = call.whole(2)?;
            let &[off, on] = values.data() else {
                return Err(call.shapes("two values"));
            };
            let made = hot.map(|hot| if hot { on } else { off }).collect();
            Made::whole(Array::new(shape.clone(), made).expect("all elements"))
        }
    }
}

fn clip<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let limit = |input: usize, name: &'static str, default: f64| match call.has(input) {
        true => call.number(input),
        false => call.real(name, default),
    };
    let (low, high) = (
        limit(1, "min", f64::NEG_INFINITY)?,
        limit(2, "max", f64::INFINITY)?,
    );
    if !call.is_float(0) {
        let clipped = |x: i64| (x as f64).max(low).min(high) as i64;
        return Made::whole(call.whole(0)?.map(clipped));
    }
    let (low, high) = (T::of(low), T::of(high));
    let unary = Unary {
        value: move |x: T| x.max(low).min(high),
        slope: move |x: T, _| {
            if x <= low || x >= high {
                T::zero()
            } else {
                T::one()
            }
        },
    };
    Made::step(unary, [call.float(0)?])
}
