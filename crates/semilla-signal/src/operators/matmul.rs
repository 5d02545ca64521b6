//! Products of matrices.

use super::arithmetic::{combine, summed};
use crate::array::{Array, size};
use crate::executor::{Call, Made, Nature, Operator, Pass, Problem, affordable};
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
        let [a, b] = [inputs[0], inputs[1]];
        let &Self {
            rows,
            inner,
            columns,
            ..
        } = self;
        let mut made = Array::filled(&*self.shape, T::zero());
        if self.is_one_product(a, b) {
            let rows = size(&self.leading) * rows;
            let left = Matrix::new(a.data(), rows, inner);
            let right = Matrix::new(b.data(), inner, columns);
            multiply(made.data_mut(), left, right, Start::Zero, true);
            return vec![made];
        }
        let (starts_a, starts_b) = (
            self.starts(a, rows * inner),
            self.starts(b, inner * columns),
        );
        each_matrix(made.data_mut(), rows * columns, |matrix, part, is_alone| {
            let left = Matrix::new(&a.data()[starts_a[matrix]..], rows, inner);
            let right = Matrix::new(&b.data()[starts_b[matrix]..], inner, columns);
            multiply(part, left, right, Start::Zero, is_alone);
        });
        vec![made]
    }

    fn nature(&self) -> Nature {
        Nature::Product
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
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
        let first = pass.if_wanted(0, || {
            let back = |matrix: usize, part: &mut [T], is_alone: bool| {
                let right = Matrix::new(&b.data()[starts_b[matrix]..], inner, columns);
                let right = right.transposed();
                multiply(part, of(matrix), right, Start::Current, is_alone);
            };
            summed_matrices(a.shape(), &starts_a[..count], rows * inner, back)
        });
        let second = pass.if_wanted(1, || {
            let back = |matrix: usize, part: &mut [T], is_alone: bool| {
                let left = Matrix::new(&a.data()[starts_a[matrix]..], rows, inner);
                let left = left.transposed();
                multiply(part, left, of(matrix), Start::Current, is_alone);
            };
            summed_matrices(b.shape(), &starts_b[..count], inner * columns, back)
        });
        vec![first, second]
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

/// An array to whose matrices others are added, each from a place on.
fn summed_matrices<T: Real>(
    shape: &[usize],
    starts: &[usize],
    len: usize,
    add: impl Fn(usize, &mut [T], bool) + Sync,
) -> Array<T> {
    let mut result = Array::filled(shape, T::zero());
    let is_one_each = starts.len() * len == result.data().len()
        && starts
            .iter()
            .enumerate()
            .all(|(place, &start)| start == place * len);
    match is_one_each {
        true => each_matrix(result.data_mut(), len, add),
        false => {
            for (matrix, &start) in starts.iter().enumerate() {
                add(matrix, &mut result.data_mut()[start..][..len], true);
            }
        }
    }
    result
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

    fn factor<T: Real>(array: Array<T>, factor: f64) -> Array<T> {
        match factor == 1.0 {
            true => array,
            false => array.map(|x| x * T::of(factor)),
        }
    }
}

impl<T: Real> Operator<T> for Gemm {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let [rows, _, columns] = self.sizes;
        let mut product = Array::filled([rows, columns], T::zero());
        let (a, b) = (self.matrix(inputs[0], 0), self.matrix(inputs[1], 1));
        multiply(product.data_mut(), a, b, Start::Zero, true);
        let product = Self::factor(product, self.alpha);
        vec![match inputs.get(2) {
            None => product,
            Some(added) => {
                let beta = T::of(self.beta);
                combine(&[rows, columns], &product, added, |a, b| a + beta * b)
            }
        }]
    }

    fn nature(&self) -> Nature {
        Nature::Product
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let [rows, _, columns] = self.sizes;
        let gradient = pass.gradient(0);
        let scaled = Self::factor(gradient.clone().into_owned(), self.alpha);
        let scaled = Matrix::new(scaled.data(), rows, columns);
        let (a, b) = (
            self.matrix(pass.inputs[0], 0),
            self.matrix(pass.inputs[1], 1),
        );
        let product = |input: usize, left: Matrix<'_, T>, right: Matrix<'_, T>| {
            let mut result = Array::filled(pass.inputs[input].shape(), T::zero());
            match self.transposed[input] {
                false => multiply(result.data_mut(), left, right, Start::Zero, true),
                true => {
                    let (left, right) = (right.transposed(), left.transposed());
                    multiply(result.data_mut(), left, right, Start::Zero, true);
                }
            }
            result
        };
        let mut results = vec![
            pass.if_wanted(0, || product(0, scaled, b.transposed())),
            pass.if_wanted(1, || product(1, a.transposed(), scaled)),
        ];
        if let Some(added) = pass.inputs.get(2) {
            results.push(pass.if_wanted(2, || {
                Self::factor(summed(&gradient, added.shape()), self.beta)
            }));
        }
        results
    }
}
