//! Products of matrices.

use std::borrow::Cow;

use super::arithmetic::add_summed;
use crate::array::{Array, size};
use crate::executor::{Call, Lying, Made, Nature, Operator, Pass, Problem, Sum, affordable};
use crate::lanes::widest;
use crate::parallel::parts;
use crate::product::{Matrix, Start, multiply};
use crate::real::Real;
use crate::walk::{broadcast, broadcast_strides, walk};

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "MatMul" => matmul(call),
        "Gemm" => gemm(call),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// A product of matrices in leading axes that broadcast.
struct MatMul {
    /// The leading axes of the product.
    leading: Vec<usize>,
    rows: usize,
    inner: usize,
    columns: usize,
    /// The shape of the product, without the axes that vectors were given.
    shape: Vec<usize>,
}

/// NumPy's rule: a vector before is a row, one behind a column.
fn matmul<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let (a, b) = (call.float(0)?, call.float(1)?);
    let problem = || call.shapes("the last axis of the first is the last but one of the second");
    let with_axes = |shape: &[usize], is_row: bool| match shape {
        [] => None,
        &[size] if is_row => Some(vec![1, size]),
        &[size] => Some(vec![size, 1]),
        shape => Some(shape.to_vec()),
    };
    let first = with_axes(a.array.shape(), true).ok_or_else(problem)?;
    let second = with_axes(b.array.shape(), false).ok_or_else(problem)?;
    let (first_leading, &[rows, inner]) = first.split_last_chunk().ok_or_else(problem)?;
    let (second_leading, &[height, columns]) = second.split_last_chunk().ok_or_else(problem)?;
    let leading = broadcast(first_leading, second_leading).ok_or_else(problem)?;
    if inner != height {
        return Err(problem());
    }
    let mut shape = leading.clone();
    shape.extend((a.array.rank() > 1).then_some(rows));
    shape.extend((b.array.rank() > 1).then_some(columns));
    affordable(&shape)?;
    let product = MatMul {
        leading,
        rows,
        inner,
        columns,
        shape,
    };
    Made::step(product, [a, b])
}

impl MatMul {
    /// The starts of the matrices of an operand for each matrix of the product.
    fn starts<T: Real>(&self, operand: &Array<T>, matrix: usize) -> Vec<usize> {
        let shape = operand.shape();
        let own = &shape[..shape.len().saturating_sub(2)];
        let steps = broadcast_strides(own, &self.leading);
        let mut starts = Vec::with_capacity(size(&self.leading));
        walk(&self.leading, [0], [&*steps], |[at], run, [step]| {
            starts.extend((0..run as isize).map(|i| (at + i * step) as usize * matrix));
        });
        starts
    }

    /// Whether one matrix behind multiplies all rows before it: a linear layer.
    fn is_one_product<T: Real>(&self, a: &Array<T>, b: &Array<T>) -> bool {
        b.rank() <= 2 && a.rank() >= 2 || self.leading.is_empty()
    }
}

impl<T: Real> Operator<T> for MatMul {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = [Array::filled(&*self.shape, T::zero())];
        self.forward_into(inputs, &mut made);
        made.into()
    }

    fn forward_into(&self, inputs: &[&Array<T>], outputs: &mut [Array<T>]) {
        let [a, b] = [inputs[0], inputs[1]];
        let &Self {
            rows,
            inner,
            columns,
            ..
        } = self;
        let made = outputs[0].data_mut();
        if self.is_one_product(a, b) {
            let rows = size(&self.leading) * rows;
            let left = Matrix::new(a.data(), rows, inner);
            let right = Matrix::new(b.data(), inner, columns);
            multiply(made, left, right, Start::Zero, true);
            return;
        }
        let (starts_a, starts_b) = (
            self.starts(a, rows * inner),
            self.starts(b, inner * columns),
        );
        each_matrix(made, rows * columns, |matrix, part, is_alone| {
            let left = Matrix::new(&a.data()[starts_a[matrix]..], rows, inner);
            let right = Matrix::new(&b.data()[starts_b[matrix]..], inner, columns);
            multiply(part, left, right, Start::Zero, is_alone);
        });
    }

    fn nature(&self) -> Nature {
        Nature::Product
    }

    fn keeps_samples(&self, inputs: &[Lying<'_>]) -> bool {
        Lying::only_first(inputs) && inputs[0].shape.len() >= 2 && inputs[1].shape.len() <= 2
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        pass.apart(|sums| self.backward_into(pass, sums))
    }

    fn backward_into(&self, pass: &Pass<'_, T>, sums: &mut [Option<Sum<T>>]) {
        let [a, b] = [pass.inputs[0], pass.inputs[1]];
        let &Self {
            rows,
            inner,
            columns,
            ..
        } = self;
        let gradient = pass.gradient(0);
        let (count, rows, starts_a, starts_b) = match self.is_one_product(a, b) {
            true => (1, size(&self.leading) * rows, vec![0], vec![0]),
            false => {
                let starts = (
                    self.starts(a, rows * inner),
                    self.starts(b, inner * columns),
                );
                (size(&self.leading), rows, starts.0, starts.1)
            }
        };
        let of =
            |matrix: usize| Matrix::new(&gradient.data()[matrix * rows * columns..], rows, columns);
        if let Some(sum) = &mut sums[0] {
            let back = |matrix: usize, part: &mut [T], start, is_alone: bool| {
                let right = Matrix::new(&b.data()[starts_b[matrix]..], inner, columns);
                multiply(part, of(matrix), right.transposed(), start, is_alone);
            };
            add_matrices(sum, a.shape(), &starts_a[..count], rows * inner, back);
        }
        if let Some(sum) = &mut sums[1] {
            let back = |matrix: usize, part: &mut [T], start, is_alone: bool| {
                let left = Matrix::new(&a.data()[starts_a[matrix]..], rows, inner);
                multiply(part, left.transposed(), of(matrix), start, is_alone);
            };
            add_matrices(sum, b.shape(), &starts_b[..count], inner * columns, back);
        }
    }
}

/// Makes matrices that lie one behind the other: several at once, or one on all threads.
fn each_matrix<T: Real>(made: &mut [T], len: usize, make: impl Fn(usize, &mut [T], bool) + Sync) {
    if len == 0 {
        return;
    }
    match made.len() / len {
        0 | 1 => made.chunks_mut(len).for_each(|part| make(0, part, true)),
        _ => parts(made, len, &|matrix, part| make(matrix, part, false)),
    }
}

/// Adds matrices to those of a sum, each from a place on.
fn add_matrices<T: Real>(
    sum: &mut Sum<T>,
    shape: &[usize],
    starts: &[usize],
    len: usize,
    add: impl Fn(usize, &mut [T], Start, bool) + Sync,
) {
    let is_one_each = starts.len() * len == size(shape)
        && starts
            .iter()
            .enumerate()
            .all(|(place, &start)| start == place * len);
    match is_one_each {
        true => {
            let (elements, start) = sum.open(shape);
            each_matrix(elements, len, |matrix, part, is_alone| {
                add(matrix, part, start, is_alone);
            });
        }
        false => {
            let elements = sum.open_zeroed(shape);
            for (matrix, &start) in starts.iter().enumerate() {
                add(matrix, &mut elements[start..][..len], Start::Current, true);
            }
        }
    }
}

/// `alpha · a · b + beta · c`, `a` and `b` transposed if asked for.
struct Gemm {
    sizes: [usize; 3],
    transposed: [bool; 2],
    alpha: f64,
    beta: f64,
}

fn gemm<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let operands = [call.float(0)?, call.float(1)?];
    let transposed = [call.int("transA", 0)? != 0, call.int("transB", 0)? != 0];
    let problem = || call.shapes("two matrices that fit, and what is added to their product");
    let matrix = |place: usize| match *operands[place].array.shape() {
        [rows, columns] if transposed[place] => Ok([columns, rows]),
        [rows, columns] => Ok([rows, columns]),
        _ => Err(problem()),
    };
    let ([rows, inner], [height, columns]) = (matrix(0)?, matrix(1)?);
    let added = call.optional(2)?;
    let shape = [rows, columns];
    let fits = added.is_none_or(|added| {
        broadcast(added.array.shape(), &shape).is_some_and(|both| both == shape)
    });
    if inner != height || !fits {
        return Err(problem());
    }
    affordable(&shape)?;
    let gemm = Gemm {
        sizes: [rows, inner, columns],
        transposed,
        alpha: call.real("alpha", 1.0)?,
        beta: call.real("beta", 1.0)?,
    };
    Made::step(gemm, operands.into_iter().chain(added))
}

impl Gemm {
    fn matrix<'a, T: Real>(&self, operand: &'a Array<T>, place: usize) -> Matrix<'a, T> {
        let [rows, columns] = [self.sizes[place], self.sizes[place + 1]];
        match self.transposed[place] {
            true => Matrix::new(operand.data(), columns, rows).transposed(),
            false => Matrix::new(operand.data(), rows, columns),
        }
    }

    /// What is added to the product, as its start.
    fn begin<T: Real>(&self, added: &Array<T>, made: &mut [T]) {
        let [rows, _, columns] = self.sizes;
        let beta = T::of(self.beta);
        let strides = broadcast_strides(added.shape(), &[rows, columns]);
        let pairs = (0..rows as isize).zip(made.chunks_mut(columns.max(1)));
        for (row, made) in pairs {
            let at = (row * strides[0]) as usize;
            match strides[1] {
                0 => made.fill(beta * added.data()[at]),
                _ => {
                    let row = &added.data()[at..][..columns];
                    let pairs = made.iter_mut().zip(row);
                    widest(move || pairs.for_each(|(made, &x)| *made = beta * x));
                }
            }
        }
    }

    /// The first factor times alpha.
    fn scaled<'a, T: Real>(&self, array: &'a Array<T>) -> Cow<'a, Array<T>> {
        match self.alpha == 1.0 {
            true => Cow::Borrowed(array),
            false => Cow::Owned(array.map(|x| x * T::of(self.alpha))),
        }
    }
}

impl<T: Real> Operator<T> for Gemm {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let [rows, _, columns] = self.sizes;
        let mut made = [Array::filled([rows, columns], T::zero())];
        self.forward_into(inputs, &mut made);
        made.into()
    }

    fn forward_into(&self, inputs: &[&Array<T>], outputs: &mut [Array<T>]) {
        let made = outputs[0].data_mut();
        let start = match inputs.get(2) {
            None => Start::Zero,
            Some(added) => {
                self.begin(added, made);
                Start::Current
            }
        };
        let first = self.scaled(inputs[0]);
        let (a, b) = (self.matrix(&first, 0), self.matrix(inputs[1], 1));
        multiply(made, a, b, start, true);
    }

    fn nature(&self) -> Nature {
        Nature::Product
    }

    fn keeps_samples(&self, inputs: &[Lying<'_>]) -> bool {
        Lying::only_first(inputs) && !self.transposed[0]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        pass.apart(|sums| self.backward_into(pass, sums))
    }

    fn backward_into(&self, pass: &Pass<'_, T>, sums: &mut [Option<Sum<T>>]) {
        let [rows, _, columns] = self.sizes;
        let gradient = pass.gradient(0);
        let scaled = self.scaled(&gradient);
        let scaled = Matrix::new(scaled.data(), rows, columns);
        let (a, b) = (
            self.matrix(pass.inputs[0], 0),
            self.matrix(pass.inputs[1], 1),
        );
        let factors = [(scaled, b.transposed()), (a.transposed(), scaled)];
        for (input, (left, right)) in factors.into_iter().enumerate() {
            if let Some(sum) = &mut sums[input] {
                let (sum, start) = sum.open(pass.inputs[input].shape());
                match self.transposed[input] {
                    false => multiply(sum, left, right, start, true),
                    true => multiply(sum, right.transposed(), left.transposed(), start, true),
                }
            }
        }
        if let (Some(added), Some(Some(sum))) = (pass.inputs.get(2), sums.get_mut(2)) {
            let sum = sum.open_zeroed(added.shape());
            add_summed(&gradient, added.shape(), T::of(self.beta), sum);
        }
    }
}
