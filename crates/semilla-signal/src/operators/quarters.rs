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
            let (made, gradients) = (block(&made[window..]), block(&gradients[window..]));
            let shares = shares(&rows, &made, &gradients);
            // The lower row is there already where blocks came before in this row.
            let end = match window % self.width {
                0 => result.len(),
                _ => above + 2 * count,
            };
            put(&shares[0], &mut result[above..end], 2 * count);
            put(&shares[1], &mut result[below..], 2 * count);
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

/// Takes a value if it is greater, or NaN, which stays.
#[inline(always)]
pub(super) fn raise<T: Real>(made: &mut T, value: T) {
    let is_taken = value > *made || value.is_nan();
    *made = if is_taken { value } else { *made };
}

/// What is left of a window's gradient, if an element is the greatest: then nothing is left.
#[inline(always)]
pub(super) fn given<T: Real>(value: T, made: T, left: &mut T) -> T {
    let is_it = value == made || value.is_nan();
    let given = if is_it { *left } else { T::zero() };
    *left = if is_it { T::zero() } else { *left };
    given
}

#[inline(always)]
fn greatest<T: Real>(rows: &[[T; ROW]; 2]) -> [T; BLOCK] {
    let mut made = [T::neg_infinity(); BLOCK];
    for row in rows {
        for at in 0..2 {
            for (i, made) in made.iter_mut().enumerate() {
                raise(made, row[2 * i + at]);
            }
        }
    }
    made
}

/// The four elements of a window together: a loop over windows that ends with its last store goes
/// through whole registers.
#[inline(always)]
fn shares<T: Real>(
    rows: &[[T; ROW]; 2],
    made: &[T; BLOCK],
    gradients: &[T; BLOCK],
) -> [[T; ROW]; 2] {
    let mut result = [[T::zero(); ROW]; 2];
    for i in 0..BLOCK {
        let mut left = gradients[i];
        for row in 0..2 {
            for at in 2 * i..2 * i + 2 {
                result[row][at] = given(rows[row][at], made[i], &mut left);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of the greatest elements of a window; NaN is greater than all.
    fn first_greatest(window: [f32; 4]) -> usize {
        let nan = window.iter().position(|x| x.is_nan());
        let greatest = window.into_iter().fold(f32::NEG_INFINITY, f32::max);
        nan.unwrap_or_else(|| window.iter().position(|&x| x == greatest).unwrap())
    }

    #[test]
    fn as_window_by_window() {
        for (width, rows) in [(1, 1), (3, 4), (7, 9), (14, 14), (16, 2), (17, 3), (40, 5)] {
            let quarters = Quarters { width };
            // Many equal ones, and a few that are no numbers.
            let value = |i: usize| match i % 97 {
                13 => f32::NAN,
                _ => (i * 7919 % 11) as f32 - 5.0,
            };
            let images: Vec<f32> = (0..4 * width * rows).map(value).collect();
            let gradients: Vec<f32> = (1..=width * rows).map(|i| i as f32).collect();
            let mut made = vec![0.0; width * rows];
            quarters.greatest(&images, &mut made);
            let mut result = vec![7.0; images.len()];
            quarters.back(&images, &made, &gradients, &mut result);
            let mut expected = vec![0.0; images.len()];
            for window in 0..width * rows {
                let above = 4 * (window / width) * width + 2 * (window % width);
                let below = above + 2 * width;
                let places = [above, above + 1, below, below + 1];
                let values = places.map(|place| images[place]);
                let first = first_greatest(values);
                assert_eq!(made[window].to_bits(), values[first].to_bits());
                expected[places[first]] = gradients[window];
            }
            assert_eq!(result, expected, "{width} x {rows}");
        }
    }
}
