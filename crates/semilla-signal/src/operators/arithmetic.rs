//! Functions of two elements, broadcast: sums, products, powers.

use semilla::graph::{Attribute, Node};

use crate::array::{Array, size, strides};
use crate::executor::{Call, Lying, Made, Operator, Pass, Problem};
use crate::lanes::widest;
use crate::parallel::parts;
use crate::real::Real;
use crate::sums::{MANY, add, sum};
use crate::walk::{broadcast, broadcast_strides, walk};

/// A function of two arrays that broadcast, and its slope along each.
pub(crate) struct Binary<F, A, B> {
    shape: Vec<usize>,
    value: F,
    /// The slope along the first at (a, b, f(a, b)).
    first: A,
    /// The slope along the second.
    second: B,
}

impl<T, F, A, B> Operator<T> for Binary<F, A, B>
where
    T: Real,
    F: Fn(T, T) -> T + Send + Sync,
    A: Fn(T, T, T) -> T + Send + Sync,
    B: Fn(T, T, T) -> T + Send + Sync,
{
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        vec![combine(&self.shape, inputs[0], inputs[1], &self.value)]
    }

    fn forward_into(&self, inputs: &[&Array<T>], outputs: &mut [Array<T>]) {
        combine_into(inputs[0], inputs[1], &mut outputs[0], &self.value);
    }

    fn keeps_samples(&self, inputs: &[Lying<'_>]) -> bool {
        let (rank, samples) = (self.shape.len(), self.shape.first());
        inputs.iter().all(|input| match input.has_samples {
            true => input.shape.len() == rank && input.shape.first() == samples,
            false => input.shape.len() < rank || input.shape.first() == Some(&1),
        })
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        vec![
            pass.if_wanted(0, || self.back(pass, 0, &self.first)),
            pass.if_wanted(1, || self.back(pass, 1, &self.second)),
        ]
    }
}

impl<F, A, B> Binary<F, A, B> {
    /// The gradient of one of the two: summed over the axes along which it was repeated.
    fn back<T: Real>(
        &self,
        pass: &Pass<'_, T>,
        input: usize,
        slope: &(impl Fn(T, T, T) -> T + Sync),
    ) -> Array<T> {
        let (gradient, y) = (pass.gradient(0), pass.outputs[0]);
        let [a, b] = [pass.inputs[0], pass.inputs[1]];
        let steps = [a, b].map(|array| broadcast_strides(array.shape(), &self.shape));
        let own = strides(&self.shape);
        let (a, b, y, g) = (a.data(), b.data(), y.data(), gradient.data());
        let term = |[at_a, at_b, at]: [usize; 3]| g[at] * slope(a[at_a], b[at_b], y[at]);
        if pass.inputs[input].shape() == self.shape {
            return by_rows(
                &self.shape,
                [&*steps[0], &*steps[1], &*own],
                |at, step, result| match step {
                    [1, 1, 1] => {
                        let [a, b, y, g] = [(a, 0), (b, 1), (y, 2), (g, 2)]
                            .map(|(data, n)| data[at[n] as usize..][..result.len()].iter());
                        let terms = a.zip(b).zip(y.zip(g));
                        for (made, ((&a, &b), (&y, &g))) in result.iter_mut().zip(terms) {
                            *made = g * slope(a, b, y);
                        }
                    }
                    _ => {
                        for (i, made) in (0..).zip(result) {
                            *made = term([0, 1, 2].map(|n| (at[n] + i * step[n]) as usize));
                        }
                    }
                },
            );
        }
        let mut result = Array::filled(pass.inputs[input].shape(), T::zero());
        let sums = result.data_mut();
        let all = [&*steps[0], &*steps[1], &*own];
        walk(&self.shape, [0; 3], all, |at, run, step| {
            let places =
                (0..run as isize).map(|i| [0, 1, 2].map(|n| (at[n] + i * step[n]) as usize));
            match step[input] {
                0 => sums[at[input] as usize] += places.map(term).sum::<T>(),
                _ => places.for_each(|place| sums[place[input]] += term(place)),
            }
        });
        result
    }
}

/// An array made run by run, each from places of arrays with strides of their own: `f` is called
/// with the places of its first element, the strides along it, and the elements to be made.
fn by_rows<C: Copy + Default + Send, const N: usize>(
    shape: &[usize],
    strides: [&[isize]; N],
    f: impl Fn([isize; N], [isize; N], &mut [C]) + Sync,
) -> Array<C> {
    let mut made = Array::filled(shape, C::default());
    rows_into(shape, strides, made.data_mut(), f);
    made
}

/// The same into elements that are there.
fn rows_into<C: Send, const N: usize>(
    shape: &[usize],
    strides: [&[isize]; N],
    made: &mut [C],
    f: impl Fn([isize; N], [isize; N], &mut [C]) + Sync,
) {
    let part = |starts: [isize; N], shape: &[usize], mut made: &mut [C]| {
        walk(shape, starts, strides, |at, run, step| {
            let (own, rest) = std::mem::take(&mut made).split_at_mut(run);
            f(at, step, own);
            made = rest;
        });
    };
    let row = size(shape.get(1..).unwrap_or_default());
    if made.len() <= MANY || row == 0 {
        part([0; N], shape, made);
        return;
    }
    let count = MANY.div_ceil(row);
    parts(made, count * row, &|place, made| {
        let starts = strides.map(|strides| (place * count) as isize * strides[0]);
        let mut shape = shape.to_vec();
        shape[0] = made.len() / row;
        part(starts, &shape, made);
    });
}

/// A function of the elements of two arrays that broadcast to a shape.
pub(crate) fn combine<A: Copy + Sync, B: Copy + Sync, C: Copy + Default + Send>(
    shape: &[usize],
    a: &Array<A>,
    b: &Array<B>,
    f: impl Fn(A, B) -> C + Sync,
) -> Array<C> {
    let mut made = Array::filled(shape, C::default());
    combine_into(a, b, &mut made, f);
    made
}

/// The same into an array of that shape.
fn combine_into<A: Copy + Sync, B: Copy + Sync, C: Copy + Send>(
    a: &Array<A>,
    b: &Array<B>,
    made: &mut Array<C>,
    f: impl Fn(A, B) -> C + Sync,
) {
    let shape = &*made.shape().to_vec();
    let steps = [
        broadcast_strides(a.shape(), shape),
        broadcast_strides(b.shape(), shape),
    ];
    let (a, b) = (a.data(), b.data());
    let strides = [&*steps[0], &*steps[1]];
    rows_into(shape, strides, made.data_mut(), |at, step, made| {
        let run = made.len();
        let [at_a, at_b] = at.map(|at| at as usize);
        widest(|| match step {
            [1, 1] => {
                let pairs = a[at_a..at_a + run].iter().zip(&b[at_b..at_b + run]);
                made.iter_mut()
                    .zip(pairs)
                    .for_each(|(made, (&a, &b))| *made = f(a, b));
            }
            [1, 0] => {
                let (a, b) = (&a[at_a..at_a + run], b[at_b]);
                made.iter_mut()
                    .zip(a)
                    .for_each(|(made, &a)| *made = f(a, b));
            }
            [0, 1] => {
                let (a, b) = (a[at_a], &b[at_b..at_b + run]);
                made.iter_mut()
                    .zip(b)
                    .for_each(|(made, &b)| *made = f(a, b));
            }
            [a_step, b_step] => {
                for (i, made) in (0..).zip(made) {
                    let (at_a, at_b) = (at[0] + i * a_step, at[1] + i * b_step);
                    *made = f(a[at_a as usize], b[at_b as usize]);
                }
            }
        })
    })
}

/// Two arrays of floats, and the shape that they broadcast to.
fn step<T: Real>(
    call: &Call<'_, T>,
    value: impl Fn(T, T) -> T + Send + Sync + 'static,
    first: impl Fn(T, T, T) -> T + Send + Sync + 'static,
    second: impl Fn(T, T, T) -> T + Send + Sync + 'static,
) -> Result<Made<T>, Problem> {
    let operands = [call.float(0)?, call.float(1)?];
    let shape = broadcast(operands[0].array.shape(), operands[1].array.shape());
    let shape = shape.ok_or_else(|| call.shapes("the two do not broadcast"))?;
    let binary = Binary {
        shape,
        value,
        first,
        second,
    };
    Made::step(binary, operands)
}

/// The functions by their operators; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let (zero, one) = (T::zero(), T::one());
    let made = match operator {
        "Add" => step(call, |a, b| a + b, move |_, _, _| one, move |_, _, _| one),
        "Sub" => step(call, |a, b| a - b, move |_, _, _| one, move |_, _, _| -one),
        "Mul" => step(call, |a, b| a * b, |_, b, _| b, |a, _, _| a),
        "Div" => step(call, |a, b| a / b, move |_, b, _| one / b, |_, b, y| -y / b),
        "Pow" if !call.is_float(0) || !call.is_float(1) => Ok(power_of_kinds(call)),
        "Pow" => step(
            call,
            |a, b| a.powf(b),
            move |a, b, _| if b == zero { zero } else { b * a.powf(b - one) },
            move |a, _, y| if a > zero { y * a.ln() } else { zero },
        ),
        "PRelu" => step(
            call,
            move |x, slope| if x < zero { x * slope } else { x },
            move |x, slope, _| if x < zero { slope } else { one },
            move |x, _, _| if x < zero { x } else { zero },
        ),
        "Mod" => step(
            call,
            |a, b| a - b * (a / b).trunc(),
            move |_, _, _| one,
            move |a, b, _| -(a / b).trunc(),
        ),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// A power whose base or exponent is whole: of floats, brought to the kind of the base.
fn power_of_kinds<T: Real>(call: &Call<'_, T>) -> Made<T> {
    let cast = |from: &str, to: &str, code: i64| {
        Node::new("Cast", &[from], &[to]).with("to", Attribute::Int(code))
    };
    let (float, whole) = (1, 7);
    let is_float = call.is_float(0);
    let mut nodes = vec![
        cast("0", "base", float),
        cast("1", "exponent", float),
        Node::new("Pow", &["base", "exponent"], &["power"]),
    ];
    nodes.extend((!is_float).then(|| cast("power", "made", whole)));
    call.stand(nodes, &[if is_float { "power" } else { "made" }])
}

/// The greatest or least of several arrays.
pub(crate) struct Extreme {
    pub(crate) shape: Vec<usize>,
    pub(crate) is_greatest: bool,
}

impl Extreme {
    fn better<T: Real>(&self, a: T, b: T) -> bool {
        if self.is_greatest { a > b } else { a < b }
    }
}

impl<T: Real> Operator<T> for Extreme {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let start = combine(&self.shape, inputs[0], inputs[0], |a, _| a);
        let best = inputs[1..].iter().fold(start, |best, input| {
            combine(&self.shape, &best, input, |a, b| {
                if self.better(b, a) { b } else { a }
            })
        });
        vec![best]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        // Ties share the gradient, as in PyTorch.
        let (gradient, y) = (pass.gradient(0), pass.outputs[0]);
        let mut winners = Array::filled(&*self.shape, T::zero());
        for input in &pass.inputs {
            winners = {
                let own = combine(&self.shape, input, y, |a, y| a == y);
                winners.zip(&own, |sum, wins| if wins { sum + T::one() } else { sum })
            };
        }
        let share = gradient.zip(&winners, |g, n| g / n);
        let back = |(place, input): (usize, &&Array<T>)| {
            pass.if_wanted(place, || {
                let own = combine(&self.shape, input, y, |a, y| a == y);
                let terms = share.zip(&own, |g, wins| if wins { g } else { T::zero() });
                summed(&terms, input.shape())
            })
        };
        pass.inputs.iter().enumerate().map(back).collect()
    }
}

/// An array summed over the axes along which one of shape `to` was repeated.
pub(crate) fn summed<T: Real>(array: &Array<T>, to: &[usize]) -> Array<T> {
    if array.shape() == to {
        return array.clone();
    }
    let mut result = Array::filled(to, T::zero());
    add_summed(array, to, T::one(), result.data_mut());
    result
}

/// Adds an array times a factor, summed over the axes along which one of shape `to` was repeated.
pub(crate) fn add_summed<T: Real>(array: &Array<T>, to: &[usize], factor: T, sums: &mut [T]) {
    // Rows onto a row, as biases are added.
    let row = to.iter().position(|&size| size != 1).unwrap_or(to.len());
    if array.shape().ends_with(&to[row..]) && sums.len() > 1 {
        let rows = array.data().chunks_exact(sums.len());
        return widest(move || rows.for_each(|row| add(sums, factor, row)));
    }
    let (own, into) = (strides(array.shape()), broadcast_strides(to, array.shape()));
    walk(array.shape(), [0; 2], [&*own, &*into], |at, run, step| {
        let [from, to] = at.map(|at| at as usize);
        match step {
            [1, 1] => add(&mut sums[to..][..run], factor, &array.data()[from..][..run]),
            [1, 0] => sums[to] += factor * sum(&array.data()[from..][..run]),
            _ => {
                for i in 0..run as isize {
                    let [from, to] = [0, 1].map(|n| (at[n] + i * step[n]) as usize);
                    sums[to] += factor * array.data()[from];
                }
            }
        }
    });
}

/// `Max`, `Min`, `Sum` and `Mean` of any number of arrays.
pub(crate) fn several<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let count = call.inputs.len();
    if !matches!(operator, "Max" | "Min" | "Sum" | "Mean") {
        return Ok(None);
    }
    if count == 0 {
        return Err(Problem::MissingInput(0));
    }
    let operands: Result<Vec<_>, _> = (0..count).map(|input| call.float(input)).collect();
    let operands = operands?;
    let mut shape = Vec::new();
    for operand in &operands {
        shape = broadcast(&shape, operand.array.shape())
            .ok_or_else(|| call.shapes("they do not broadcast"))?;
    }
    let made = match operator {
        "Max" | "Min" => {
            let is_greatest = operator == "Max";
            Made::step(Extreme { shape, is_greatest }, operands)
        }
        _ => {
            let is_mean = operator == "Mean";
            let factor = if is_mean { 1.0 / count as f64 } else { 1.0 };
            Made::step(Total { shape, factor }, operands)
        }
    };
    made.map(Some)
}

/// The sum of several arrays, times a factor.
struct Total {
    shape: Vec<usize>,
    factor: f64,
}

impl<T: Real> Operator<T> for Total {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let zeros = Array::filled(&*self.shape, T::zero());
        let add =
            |sum: Array<T>, input: &&Array<T>| combine(&self.shape, &sum, input, |a, b| a + b);
        let factor = T::of(self.factor);
        vec![inputs.iter().fold(zeros, add).map(|sum| sum * factor)]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let factor = T::of(self.factor);
        let gradient = pass.gradient(0).map(|g| g * factor);
        let back = |(place, input): (usize, &&Array<T>)| {
            pass.if_wanted(place, || summed(&gradient, input.shape()))
        };
        pass.inputs.iter().enumerate().map(back).collect()
    }
}
