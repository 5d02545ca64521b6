//! Sums, means, extremes and norms along axes, and running sums.

use super::movement::shape_of;
use crate::array::{Array, around, size, strides};
use crate::executor::{Call, Made, Operator, Pass, Problem};
use crate::real::Real;
use crate::walk::walk;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sum,
    Mean,
    Product,
    Greatest,
    Least,
    L1,
    L2,
    SumSquare,
    LogSum,
    LogSumExp,
}

impl Kind {
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "ReduceSum" => Kind::Sum,
            "ReduceMean" => Kind::Mean,
            "ReduceProd" => Kind::Product,
            "ReduceMax" => Kind::Greatest,
            "ReduceMin" => Kind::Least,
            "ReduceL1" => Kind::L1,
            "ReduceL2" => Kind::L2,
            "ReduceSumSquare" => Kind::SumSquare,
            "ReduceLogSum" => Kind::LogSum,
            "ReduceLogSumExp" => Kind::LogSumExp,
            _ => return None,
        })
    }
}

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    if operator == "CumSum" {
        return running(call).map(Some);
    }
    let Some(kind) = Kind::of(operator) else {
        return Ok(None);
    };
    let shape = shape_of(call, 0)?;
    let axes = match call.list(1, "axes")?.filter(|axes| !axes.is_empty()) {
        Some(axes) => call.axes(&axes, shape.len())?,
        None if call.int("noop_with_empty_axes", 0)? != 0 => {
            return Ok(Some(Made::Values(vec![call.value(0)?.clone()])));
        }
        None => (0..shape.len()).collect(),
    };
    let keeps = call.int("keepdims", 1)? != 0;
    let reduce = Reduce::new(kind, &shape, &axes, keeps);
    match call.is_float(0) {
        true => Made::step(reduce, [call.float(0)?]),
        false => reduce.whole(&*call.whole(0)?),
    }
    .map(Some)
}

struct Reduce {
    kind: Kind,
    from: Vec<usize>,
    /// The stride of each input axis in the output; 0 along the axes that are reduced.
    into: Vec<isize>,
    shape: Vec<usize>,
    /// The elements of each result.
    count: usize,
}

impl Reduce {
    fn new(kind: Kind, from: &[usize], axes: &[usize], keeps: bool) -> Self {
        let is_reduced = |axis: &usize| axes.contains(axis);
        let kept: Vec<usize> = (0..from.len())
            .map(|axis| if is_reduced(&axis) { 1 } else { from[axis] })
            .collect();
        let own = strides(&kept);
        let into = (0..from.len()).map(|axis| if is_reduced(&axis) { 0 } else { own[axis] });
        let shape = match keeps {
            true => kept.clone(),
            false => (0..from.len())
                .filter(|axis| !is_reduced(axis))
                .map(|axis| from[axis])
                .collect(),
        };
        Self {
            kind,
            into: into.collect(),
            shape,
            count: axes.iter().map(|&axis| from[axis]).product(),
            from: from.to_vec(),
        }
    }

    /// Calls with the place of each element and that of its result.
    fn each(&self, mut f: impl FnMut(usize, usize)) {
        let own = strides(&self.from);
        walk(&self.from, [0; 2], [&*own, &*self.into], |at, run, step| {
            for i in 0..run as isize {
                f(
                    (at[0] + i * step[0]) as usize,
                    (at[1] + i * step[1]) as usize,
                );
            }
        });
    }

    fn whole<T: Real>(&self, x: &Array<i64>) -> Result<Made<T>, Problem> {
        let start = match self.kind {
            Kind::Sum | Kind::Mean | Kind::L1 | Kind::SumSquare => 0,
            Kind::Product => 1,
            Kind::Greatest => i64::MIN,
            Kind::Least => i64::MAX,
            _ => {
                return Err(Problem::Unsupported(
                    "a logarithm of whole numbers".to_owned(),
                ));
            }
        };
        let mut made = vec![start; size(&self.shape)];
        self.each(|from, to| {
            let (x, sum) = (x.data()[from], &mut made[to]);
            *sum = match self.kind {
                Kind::Product => sum.wrapping_mul(x),
                Kind::Greatest => x.max(*sum),
                Kind::Least => x.min(*sum),
                Kind::L1 => sum.wrapping_add(x.wrapping_abs()),
                Kind::SumSquare => sum.wrapping_add(x.wrapping_mul(x)),
                _ => sum.wrapping_add(x),
            };
        });
        if self.kind == Kind::Mean && self.count > 0 {
            made.iter_mut().for_each(|sum| *sum /= self.count as i64);
        }
        Made::whole(Array::new(&*self.shape, made).expect("one per result"))
    }

    /// The greatest element of each result.
    fn greatest<T: Real>(&self, x: &[T]) -> Vec<T> {
        let mut greatest = vec![T::neg_infinity(); size(&self.shape)];
        self.each(|from, to| greatest[to] = greatest[to].max(x[from]));
        greatest
    }
}

impl<T: Real> Operator<T> for Reduce {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let x = inputs[0].data();
        let start = match self.kind {
            Kind::Product => T::one(),
            Kind::Greatest => T::neg_infinity(),
            Kind::Least => T::infinity(),
            _ => T::zero(),
        };
        let shift = match self.kind {
            Kind::LogSumExp => self.greatest(x),
            _ => Vec::new(),
        };
        let mut made = vec![start; size(&self.shape)];
        self.each(|from, to| {
            let (x, sum) = (x[from], &mut made[to]);
            match self.kind {
                Kind::Sum | Kind::Mean | Kind::LogSum => *sum += x,
                Kind::Product => *sum *= x,
                Kind::Greatest => *sum = sum.max(x),
                Kind::Least => *sum = sum.min(x),
                Kind::L1 => *sum += x.abs(),
                Kind::L2 | Kind::SumSquare => *sum += x * x,
                Kind::LogSumExp => *sum += (x - shift[to]).exp(),
            }
        });
        let count = T::of(self.count as f64);
        for (place, sum) in made.iter_mut().enumerate() {
            *sum = match self.kind {
                Kind::Mean => *sum / count,
                Kind::L2 => sum.sqrt(),
                Kind::LogSum => sum.ln(),
                Kind::LogSumExp => sum.ln() + shift[place],
                _ => *sum,
            };
        }
        vec![Array::new(&*self.shape, made).expect("one per result")]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let (x, y, g) = (
            pass.inputs[0].data(),
            pass.outputs[0].data(),
            gradient.data(),
        );
        let count = T::of(self.count as f64);
        let two = T::of(2.0);
        // Ties share the gradient of an extreme.
        let mut winners = vec![T::zero(); y.len()];
        if matches!(self.kind, Kind::Greatest | Kind::Least) {
            self.each(|from, to| {
                if x[from] == y[to] {
                    winners[to] += T::one();
                }
            });
        }
        // The product of the others, also where an element is 0.
        let (mut zeros, mut rest) = (vec![0; y.len()], vec![T::one(); y.len()]);
        if self.kind == Kind::Product {
            self.each(|from, to| match x[from] == T::zero() {
                true => zeros[to] += 1,
                false => rest[to] *= x[from],
            });
        }
        let mut result = Array::filled(pass.inputs[0].shape(), T::zero());
        let made = result.data_mut();
        self.each(|from, to| {
            let (x, y, g) = (x[from], y[to], g[to]);
            made[from] = g * match self.kind {
                Kind::Sum => T::one(),
                Kind::Mean => T::one() / count,
                Kind::Product => match (zeros[to], x == T::zero()) {
                    (0, _) => rest[to] / x,
                    (1, true) => rest[to],
                    _ => T::zero(),
                },
                Kind::Greatest | Kind::Least if x == y => T::one() / winners[to],
                Kind::Greatest | Kind::Least => T::zero(),
                Kind::L1 if x == T::zero() => T::zero(),
                Kind::L1 => x.signum(),
                Kind::L2 if y == T::zero() => T::zero(),
                Kind::L2 => x / y,
                Kind::SumSquare => two * x,
                Kind::LogSum => T::one() / y.exp(),
                Kind::LogSumExp => (x - y).exp(),
            };
        });
        Pass::only(result)
    }
}

fn running<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = shape_of(call, 0)?;
    let axis = call.axis(call.number(1)? as i64, shape.len())?;
    let running = Running {
        sizes: around(&shape, axis),
        is_exclusive: call.int("exclusive", 0)? != 0,
        is_reverse: call.int("reverse", 0)? != 0,
    };
    match call.is_float(0) {
        true => Made::step(running, [call.float(0)?]),
        false => {
            let x = call.whole(0)?;
            let made = running.sums(x.data(), running.is_reverse, 0, i64::wrapping_add);
            Made::whole(Array::new(shape, made).expect("as many elements"))
        }
    }
}

/// Running sums along an axis.
struct Running {
    sizes: (usize, usize, usize),
    is_exclusive: bool,
    is_reverse: bool,
}

impl Running {
    fn sums<E: Copy>(&self, x: &[E], is_reverse: bool, zero: E, add: impl Fn(E, E) -> E) -> Vec<E> {
        let (outer, len, inner) = self.sizes;
        let mut made = vec![zero; x.len()];
        for row in 0..outer {
            for column in 0..inner {
                let mut sum = zero;
                for step in 0..len {
                    let step = if is_reverse { len - 1 - step } else { step };
                    let at = (row * len + step) * inner + column;
                    let next = add(sum, x[at]);
                    made[at] = if self.is_exclusive { sum } else { next };
                    sum = next;
                }
            }
        }
        made
    }
}

impl<T: Real> Operator<T> for Running {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let made = self.sums(inputs[0].data(), self.is_reverse, T::zero(), |a, b| a + b);
        vec![Array::new(inputs[0].shape(), made).expect("as many elements")]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let made = self.sums(gradient.data(), !self.is_reverse, T::zero(), |a, b| a + b);
        Pass::only(Array::new(gradient.shape(), made).expect("as many elements"))
    }
}
