//! Comparisons, logic, and choices by them.

use super::arithmetic::{combine, summed};
use super::movement::shape_of;
use crate::array::Array;
use crate::executor::{Call, Made, Operator, Pass, Problem};
use crate::real::Real;
use crate::walk::broadcast;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "Equal" => compare(call, |a, b| a == b, |a, b| a == b),
        "Less" => compare(call, |a, b| a < b, |a, b| a < b),
        "LessOrEqual" => compare(call, |a, b| a <= b, |a, b| a <= b),
        "Greater" => compare(call, |a, b| a > b, |a, b| a > b),
        "GreaterOrEqual" => compare(call, |a, b| a >= b, |a, b| a >= b),
        "And" => logic(call, |a, b| a & b),
        "Or" => logic(call, |a, b| a | b),
        "Xor" => logic(call, |a, b| a ^ b),
        "Not" => Made::whole(call.whole(0)?.map(|x| i64::from(x == 0))),
        "IsNaN" => Made::whole(call.float(0)?.array.map(|x| x.is_nan().into())),
        "IsInf" => Made::whole(call.float(0)?.array.map(|x| x.is_infinite().into())),
        "Where" => choose(call),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// The shape that two inputs broadcast to.
fn common<T: Real>(call: &Call<'_, T>, first: usize, second: usize) -> Result<Vec<usize>, Problem> {
    let shape = broadcast(&shape_of(call, first)?, &shape_of(call, second)?);
    shape.ok_or_else(|| call.shapes("they do not broadcast"))
}

fn compare<T: Real>(
    call: &Call<'_, T>,
    whole: fn(i64, i64) -> bool,
    float: fn(T, T) -> bool,
) -> Result<Made<T>, Problem> {
    let shape = common(call, 0, 1)?;
    let made = match call.are_whole() {
        true => combine(&shape, &*call.whole(0)?, &*call.whole(1)?, |a, b| {
            whole(a, b).into()
        }),
        false => {
            let (a, b) = (call.float(0)?.array, call.float(1)?.array);
            combine(&shape, a, b, |a, b| float(a, b).into())
        }
    };
    Made::whole(made)
}

fn logic<T: Real>(call: &Call<'_, T>, f: fn(bool, bool) -> bool) -> Result<Made<T>, Problem> {
    let shape = common(call, 0, 1)?;
    let (a, b) = (call.whole(0)?, call.whole(1)?);
    Made::whole(combine(&shape, &a, &b, |a, b| f(a != 0, b != 0).into()))
}

fn choose<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let condition = call.whole(0)?;
    let shape = broadcast(&common(call, 1, 2)?, condition.shape());
    let shape = shape.ok_or_else(|| call.shapes("they do not broadcast"))?;
    if call.are_whole() {
        let (a, b) = (call.whole(1)?, call.whole(2)?);
        let pairs = combine(&shape, &a, &b, |a, b| (a, b));
        let made = combine(
            &shape,
            &pairs,
            &condition,
            |(a, b), holds| {
                if holds != 0 { a } else { b }
            },
        );
        return Made::whole(made);
    }
    let condition = combine(&shape, &condition, &condition, |holds, _| holds != 0);
    Made::step(Choice { condition }, [call.float(1)?, call.float(2)?])
}

/// Elements of the first array where a condition holds, of the second elsewhere.
struct Choice {
    condition: Array<bool>,
}

impl<T: Real> Operator<T> for Choice {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let shape = self.condition.shape();
        let pairs = combine(shape, inputs[0], inputs[1], |a, b| (a, b));
        vec![pairs.zip(&self.condition, |(a, b), holds| if holds { a } else { b })]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let of = |input: usize, side: bool| {
            pass.if_wanted(input, || {
                let own = gradient.zip(&self.condition, |g, holds| match holds == side {
                    true => g,
                    false => T::zero(),
                });
                summed(&own, pass.inputs[input].shape())
            })
        };
        vec![of(0, true), of(1, false)]
    }
}
