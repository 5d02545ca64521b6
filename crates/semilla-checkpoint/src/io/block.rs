//! A tensor in several places: a box of it here, another there.

use std::cmp::Ordering;

/// A box in a tensor, whose elements are stored together in the tensor's own order.
///
/// The last axis is counted in bytes, so that a range of bytes may begin and end anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// For each axis where it begins, how long it is, and how long the tensor is.
    axes: Vec<Axis>,
    /// How many of its bytes lie together in the tensor.
    run: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    start: u64,
    length: u64,
    whole: u64,
}

impl Block {
    /// A box that begins at `starts` and has `sizes`, in a tensor of elements of `element` bytes;
    /// nothing if it leaves the tensor. The tensor's own size was checked.
    pub(crate) fn new(
        starts: &[usize],
        sizes: &[usize],
        shape: &[usize],
        element: usize,
    ) -> Option<Self> {
        if starts.len() != shape.len() || sizes.len() != shape.len() {
            return None;
        }
        let mut axes = vec![Axis {
            start: 0,
            length: 1,
            whole: 1,
        }];
        for ((&start, &length), &whole) in starts.iter().zip(sizes).zip(shape) {
            let [start, length, whole] = [start, length, whole].map(|size| size as u64);
            if start.checked_add(length)? > whole {
                return None;
            }
            axes.push(Axis {
                start,
                length,
                whole,
            });
        }
        let element = element as u64;
        let last = axes.last_mut()?;
        *last = Axis {
            start: last.start.checked_mul(element)?,
            length: last.length.checked_mul(element)?,
            whole: last.whole.checked_mul(element)?,
        };
        let mut run = 1;
        for axis in axes.iter().rev() {
            run *= axis.length;
            if axis.length < axis.whole {
                break;
            }
        }
        Some(Self { axes, run })
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.axes.iter().map(|axis| axis.length).product()
    }

    /// Where it begins and ends along the first axis of the tensor.
    pub(crate) fn first_axis(&self) -> (u64, u64) {
        let axis = self.axes.get(1).unwrap_or(&self.axes[0]);
        (axis.start, axis.start + axis.length)
    }

    /// Whether two boxes of one tensor have an element in common.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let mut both = self.axes.iter().zip(&other.axes);
        both.all(|(a, b)| a.start < b.start + b.length && b.start < a.start + a.length)
    }

    /// Copies the bytes of the range of the tensor that begins at `offset` and is as long as
    /// `into`, as far as they are in the box, and says how many those are; `read` gives bytes of
    /// the box from a place on.
    pub(crate) fn copy<E>(
        &self,
        offset: u64,
        into: &mut [u8],
        read: impl FnOnce(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (first, end) = (self.before(offset), self.before(offset + into.len() as u64));
        if first >= end {
            return Ok(0);
        }
        let count = end - first;
        // One run is read to where it belongs.
        if first / self.run == (end - 1) / self.run {
            let at = (self.place(first) - offset) as usize;
            read(first, &mut into[at..at + count as usize])?;
            return Ok(count);
        }
        let mut bytes = vec![0; count as usize];
        read(first, &mut bytes)?;
        let mut rest = &bytes[..];
        let mut from = first;
        while !rest.is_empty() {
            let length = (self.run - from % self.run).min(rest.len() as u64);
            let (now, later) = rest.split_at(length as usize);
            let at = (self.place(from) - offset) as usize;
            into[at..at + now.len()].copy_from_slice(now);
            (rest, from) = (later, from + length);
        }
        Ok(count)
    }

    /// How many bytes of the box come before a place in the tensor.
    fn before(&self, mut at: u64) -> u64 {
        let mut whole: u64 = self.axes.iter().map(|axis| axis.whole).product();
        let mut own = self.bytes();
        if at >= whole || own == 0 {
            return own;
        }
        let mut count = 0;
        for axis in &self.axes {
            whole /= axis.whole;
            own /= axis.length;
            let index = at / whole;
            at %= whole;
            match index.cmp(&axis.start) {
                Ordering::Less => return count,
                _ if index - axis.start >= axis.length => return count + axis.length * own,
                _ => count += (index - axis.start) * own,
            }
        }
        count
    }

    /// Where a byte of the box lies in the tensor.
    fn place(&self, mut byte: u64) -> u64 {
        let (mut place, mut whole) = (0, 1);
        for axis in self.axes.iter().rev() {
            place += (axis.start + byte % axis.length) * whole;
            byte /= axis.length;
            whole *= axis.whole;
        }
        place
    }
}

/// Why boxes are not all of a tensor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Uneven {
    /// Elements are in no box.
    Gap,
    /// Elements are in two boxes.
    Twice,
    /// There are so many that comparing them would take too long.
    TooMany,
}

/// Checks that boxes together are a tensor of `bytes` bytes, each element of which is in one.
pub(crate) fn check_tiles(blocks: &[&Block], bytes: u64) -> Result<(), Uneven> {
    /// Comparisons of boxes that lie beside each other.
    const MOST: usize = 10_000_000;
    let mut sorted: Vec<&Block> = blocks.to_vec();
    sorted.retain(|block| block.bytes() > 0);
    sorted.sort_by_key(|block| block.first_axis());
    let mut open: Vec<&Block> = Vec::new();
    let mut compared = 0;
    for &block in &sorted {
        open.retain(|other| other.first_axis().1 > block.first_axis().0);
        compared += open.len();
        if compared > MOST {
            return Err(Uneven::TooMany);
        }
        if open.iter().any(|other| other.meets(block)) {
            return Err(Uneven::Twice);
        }
        open.push(block);
    }
    let together: u128 = sorted.iter().map(|block| u128::from(block.bytes())).sum();
    match together == u128::from(bytes) {
        true => Ok(()),
        false => Err(Uneven::Gap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(starts: &[usize], sizes: &[usize]) -> Block {
        Block::new(starts, sizes, &[4, 3, 5], 2).unwrap()
    }

    #[test]
    fn any_range_is_put_together_from_boxes() {
        let whole: Vec<u8> = (0..120).collect();
        let boxes = [
            block(&[0, 0, 0], &[1, 3, 5]),
            block(&[1, 0, 0], &[3, 2, 2]),
            block(&[1, 0, 2], &[3, 2, 3]),
            block(&[1, 2, 0], &[2, 1, 5]),
            block(&[3, 2, 0], &[1, 1, 5]),
            block(&[4, 0, 0], &[0, 3, 5]),
        ];
        let all: Vec<&Block> = boxes.iter().collect();
        assert_eq!(check_tiles(&all, 120), Ok(()));
        assert_eq!(check_tiles(&all[1..], 120), Err(Uneven::Gap));
        assert_eq!(
            check_tiles(&[&all[..], &all[..1]].concat(), 120),
            Err(Uneven::Twice)
        );
        let content = |block: &Block| -> Vec<u8> {
            (0..block.bytes())
                .map(|byte| whole[block.place(byte) as usize])
                .collect()
        };
        for start in 0..120 {
            for end in start..=120 {
                let mut into = vec![0; end - start];
                let mut copied = 0;
                for block in &boxes {
                    let own = content(block);
                    let read = |at: u64, into: &mut [u8]| {
                        into.copy_from_slice(&own[at as usize..][..into.len()]);
                        Ok::<(), ()>(())
                    };
                    copied += block.copy(start as u64, &mut into, read).unwrap();
                }
                assert_eq!(copied as usize, end - start);
                assert_eq!(into, whole[start..end], "{start}..{end}");
            }
        }
    }

    #[test]
    fn boxes_stay_in_their_tensor() {
        assert!(Block::new(&[1], &[2], &[3], 4).is_some());
        assert!(Block::new(&[2], &[2], &[3], 4).is_none());
        assert!(Block::new(&[usize::MAX], &[2], &[3], 4).is_none());
        assert!(Block::new(&[0], &[3], &[3, 1], 4).is_none());
        let scalar = Block::new(&[], &[], &[], 4).unwrap();
        assert_eq!((scalar.bytes(), scalar.first_axis()), (4, (0, 4)));
    }
}
