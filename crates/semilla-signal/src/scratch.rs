//! Memory that a thread lends to one computation after the other.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};

use bytemuck::Pod;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
}

/// Buffers that a thread keeps, at most.
const MOST: usize = 4;

/// A line of the cache: whole registers that are read at multiples of their size then lie in one
/// line each.
const LINE: usize = 64;

/// Elements that hold anything, from the start of a line of the cache on.
pub(crate) struct Scratch<T> {
    data: Vec<u64>,
    range: Range<usize>,
    of: PhantomData<T>,
}

impl<T: Pod> Scratch<T> {
    pub(crate) fn new(len: usize) -> Self {
        let kept = KEPT.with(|kept| kept.borrow_mut().pop());
        let mut data = kept.unwrap_or_default();
        let room = LINE / size_of::<T>();
        let words = ((len + room) * size_of::<T>()).div_ceil(size_of::<u64>());
        if data.len() < words {
            data.resize(words, 0);
        }
        let elements: &[T] = bytemuck::cast_slice(&data);
        let first = elements.as_ptr().align_offset(LINE).min(room);
        Self {
            data,
            range: first..first + len,
            of: PhantomData,
        }
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        // A thread that ends keeps nothing.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < MOST {
                kept.push(data);
            }
        });
    }
}

impl<T: Pod> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.data)[self.range.clone()]
    }
}

impl<T: Pod> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.data)[self.range.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let mut first = Scratch::<f32>::new(100);
        first.fill(1.0);
        let second = Scratch::<f64>::new(3);
        assert_eq!((first.len(), second.len()), (100, 3));
        assert_eq!(first.as_ptr() as usize % LINE, 0);
        assert_eq!(second.as_ptr() as usize % LINE, 0);
        let place = first.as_ptr();
        drop(second);
        drop(first);
        let again = Scratch::<f32>::new(50);
        assert_eq!(again.as_ptr(), place);
        let larger = Scratch::<f32>::new(1000);
        assert_eq!(larger.len(), 1000);
    }
}
