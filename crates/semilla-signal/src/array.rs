//! Numbers with a shape.

use rayon::prelude::*;

use crate::real::Real;
use crate::sums::{MANY, sum_of};

/// Elements in row-major order, with a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    shape: Vec<usize>,
    data: Vec<T>,
}

impl<T: Copy> Array<T> {
    /// Elements of a shape; `None` if they are not as many as the shape asks for.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<T>) -> Option<Self> {
        let shape = shape.into();
        (checked_size(&shape) == Some(data.len())).then_some(Self { shape, data })
    }

    /// One value everywhere.
    pub fn filled(shape: impl Into<Vec<usize>>, value: T) -> Self {
        let shape = shape.into();
        let data = vec![value; size(&shape)];
        Self { shape, data }
    }

    /// A single number, without axes.
    pub fn scalar(value: T) -> Self {
        Self {
            shape: Vec::new(),
            data: vec![value],
        }
    }

    /// A shape without elements, for those who ask for the shape only.
    pub(crate) fn hollow(shape: Vec<usize>) -> Self {
        Self {
            shape,
            data: Vec::new(),
        }
    }

    /// A list of numbers.
    pub fn list(data: Vec<T>) -> Self {
        Self {
            shape: vec![data.len()],
            data,
        }
    }

    /// The size of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The elements, row-major.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements, to be changed.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The elements alone.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// The same elements in a different shape; `None` if their numbers differ.
    pub fn reshaped(self, shape: impl Into<Vec<usize>>) -> Option<Self> {
        Self::new(shape, self.data)
    }

    /// Keeps the first indices of the first axis.
    pub(crate) fn truncate(&mut self, count: usize) {
        if let Some(first) = self.shape.first_mut().filter(|first| **first > count) {
            *first = count;
            self.data.truncate(size(&self.shape));
        }
    }

    /// A function of each element.
    pub fn map<U>(&self, f: impl FnMut(T) -> U) -> Array<U> {
        Array {
            shape: self.shape.clone(),
            data: self.data.iter().copied().map(f).collect(),
        }
    }

    /// A function of each element and the one in the same place of an array of the same shape.
    pub(crate) fn zip<U: Copy, V>(
        &self,
        other: &Array<U>,
        mut f: impl FnMut(T, U) -> V,
    ) -> Array<V> {
        debug_assert_eq!(self.shape, other.shape);
        let pairs = self.data.iter().zip(&other.data);
        Array {
            shape: self.shape.clone(),
            data: pairs.map(|(&a, &b)| f(a, b)).collect(),
        }
    }
}

impl<T: Real> Array<T> {
    /// The mean of the squares of all elements; 0 of none.
    pub fn mean_square(&self) -> f64 {
        let parts = self.data.par_chunks(MANY);
        // Summed in order, so that it does not depend on the number of threads.
        let sums: Vec<f64> = parts
            .map(|part| sum_of(part, |x: T| x.f64() * x.f64()))
            .collect();
        sums.iter().sum::<f64>() / self.data.len().max(1) as f64
    }
}

/// The number of elements; of shapes that were checked.
pub(crate) fn size(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// The number of elements; `None` beyond the address space.
pub(crate) fn checked_size(shape: &[usize]) -> Option<usize> {
    let mut sizes = shape.iter();
    match shape.contains(&0) {
        true => Some(0),
        false => sizes.try_fold(1usize, |product, &size| product.checked_mul(size)),
    }
}

/// The distance between neighbours along each axis.
pub(crate) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

/// Sizes around an axis: before it, of it, after it.
pub(crate) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (size(&shape[..axis]), shape[axis], size(&shape[axis + 1..]))
}
