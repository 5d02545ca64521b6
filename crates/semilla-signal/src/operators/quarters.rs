//! Max-pooling that quarters images: each square of 2 × 2 elements is a window.
//!
//! Rows of windows are short, and their elements lie in two rows of the image. So they are taken in
//! blocks of a fixed size, whole registers of them. The last block of a row reaches into what
//! follows, which the next block makes anew.

use super::geometry::Windows;
use crate::real::Real;

/// Windows of a block, and the elements of a row that they have.
const BLOCK: usize = 16;
const ROW: usize = 2 * BLOCK;

/// Images of an even height and width, one behind the other: as one high image.
pub(super) struct Quarters {
    /// The windows of a row.
    width: usize,
}

impl Quarters {
    /// `None` where windows are others.
    pub(super) fn of(windows: &Windows) -> Option<Self> {
        let &[height, width] = &*windows.count else {
            return None;
        };
        let is_halved = windows.image == [2 * height, 2 * width];
        (windows.kernel == [2, 2] && is_halved && windows.is_partition()).then_some(Self { width })
    }

    /// The greatest of each window.
    #[inline(always)]
    pub(super) fn greatest<T: Real>(&self, images: &[T], made: &mut [T]) {
        let mut window = 0;
        while window < made.len() {
            let Block {
                above,
                below,
                count,
            } = self.block(window);
            let rows = [block(&images[above..]), block(&images[below..])];
            put(&greatest(&rows), &mut made[window..], count);
            window += count;
        }
    }

    /// The gradients of the images from those of their windows, which the first of the greatest
    /// elements gets.
    #[inline(always)]
    pub(super) fn back<T: Real>(
        &self,
        images: &[T],
        made: &[T],
        gradients: &[T],
        result: &mut [T],
    ) {
        let mut window = 0;
        while window < made.len() {
            let Block {
                above,
                below,
                count,
            } = self.block(window);
            let rows = [block(&images[above..]), block(&images[below..])];
            let given = given(&rows, &block(&made[window..]), &block(&gradients[window..]));
            put(&given[0], &mut result[above..], 2 * count);
            put(&given[1], &mut result[below..], 2 * count);
            window += count;
        }
    }

    /// The block that begins with a window.
    #[inline(always)]
    fn block(&self, window: usize) -> Block {
        let (row, first) = (window / self.width, window % self.width);
        let above = 4 * row * self.width + 2 * first;
        Block {
            above,
            below: above + 2 * self.width,
            count: BLOCK.min(self.width - first),
        }
    }
}

/// Windows side by side: where their elements lie in two rows, and how many windows count.
struct Block {
    above: usize,
    below: usize,
    count: usize,
}

/// The first elements, and anything behind the last.
#[inline(always)]
fn block<const N: usize, T: Real>(from: &[T]) -> [T; N] {
    from.first_chunk().copied().unwrap_or_else(|| {
        let mut block = [T::zero(); N];
        block[..from.len()].copy_from_slice(from);
        block
    })
}

/// Puts a block where only so many elements count.
#[inline(always)]
fn put<const N: usize, T: Real>(block: &[T; N], to: &mut [T], count: usize) {
    match to.first_chunk_mut() {
        Some(to) => *to = *block,
        None => to[..count].copy_from_slice(&block[..count]),
    }
}

#[inline(always)]
fn greatest<T: Real>(rows: &[[T; ROW]; 2]) -> [T; BLOCK] {
    let mut made = [T::neg_infinity(); BLOCK];
    for row in rows {
        for at in 0..2 {
            for (i, made) in made.iter_mut().enumerate() {
                // NaN is taken, and stays.
                let value = row[2 * i + at];
                *made = if value <= *made { *made } else { value };
            }
        }
    }
    made
}

/// The four elements of a window together: a loop over windows that ends with its last store goes
/// through whole registers.
#[inline(always)]
fn given<T: Real>(rows: &[[T; ROW]; 2], made: &[T; BLOCK], gradient: &[T; BLOCK]) -> [[T; ROW]; 2] {
    let mut result = [[T::zero(); ROW]; 2];
    for i in 0..BLOCK {
        let is_it = |value: T| value == made[i] || value.is_nan();
        let mut left = gradient[i];
        for row in 0..2 {
            for at in 2 * i..2 * i + 2 {
                let is_it = is_it(rows[row][at]);
                result[row][at] = if is_it { left } else { T::zero() };
                left = if is_it { T::zero() } else { left };
            }
        }
    }
    result
}
