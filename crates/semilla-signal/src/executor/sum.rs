//! Where gradients are added up.

use crate::array::{Array, size};
use crate::parallel::parts;
use crate::product::Start;
use crate::real::Real;
use crate::sums::{self, MANY};

/// A gradient that is added up, in a buffer that outlives it.
pub(crate) struct Sum<T> {
    array: Array<T>,
    /// Whether the buffer holds a gradient; if not, it holds anything, in any shape.
    is_begun: bool,
}

impl<T: Copy> Default for Sum<T> {
    fn default() -> Self {
        Self {
            array: Array::hollow(Vec::new()),
            is_begun: false,
        }
    }
}

impl<T> Sum<T> {
    /// The gradient; `None` if nothing was added.
    pub(crate) fn array(&self) -> Option<&Array<T>> {
        self.is_begun.then_some(&self.array)
    }

    /// The gradient alone.
    pub(crate) fn into_array(self) -> Option<Array<T>> {
        self.is_begun.then_some(self.array)
    }

    /// Begins anew; the buffer stays.
    pub(crate) fn clear(&mut self) {
        self.is_begun = false;
    }
}

impl<T: Real> Sum<T> {
    /// Adds a gradient.
    pub(crate) fn add(&mut self, term: Array<T>) {
        if !self.is_begun {
            self.array = term;
            self.is_begun = true;
            return;
        }
        debug_assert_eq!(self.array.shape(), term.shape());
        parts(self.array.data_mut(), MANY, &|place, sum| {
            sums::add(sum, T::one(), &term.data()[place * MANY..][..sum.len()]);
        });
    }

    /// The elements of a gradient of this shape, and whether it is to be added to them or to take
    /// their place.
    pub(crate) fn open(&mut self, shape: &[usize]) -> (&mut [T], Start) {
        let start = match self.is_begun {
            true => Start::Current,
            false => Start::Zero,
        };
        // A new buffer has the shape of a single number, and no element.
        let fits = self.array.shape() == shape && self.array.data().len() == size(shape);
        if !self.is_begun && !fits {
            self.array = Array::filled(shape, T::zero());
        }
        self.is_begun = true;
        (self.array.data_mut(), start)
    }

    /// The same where it can only be added.
    pub(crate) fn open_zeroed(&mut self, shape: &[usize]) -> &mut [T] {
        let (elements, start) = self.open(shape);
        if start == Start::Zero {
            elements.fill(T::zero());
        }
        elements
    }
}
