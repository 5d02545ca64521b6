//! The slices that a variable was saved in: their boxes, and the keys of their entries.
//!
//! Source: `tensorflow/core/framework/tensor_slice.proto`, `EncodeTensorNameSlice` in
//! `tensorflow/core/util/saved_tensor_slice_util.cc` and `tensorflow/core/lib/strings/ordered_code.cc`.

use crate::io::window::{Fault, Window};
use crate::io::wire::{Span, next_field};
use crate::tensor::MAX_DIMS;

/// What a slice's key begins with: no variable's name does.
pub(super) const MARK: u8 = 0;

/// A slice: for each axis where it begins, and how long it is unless it is all of the axis.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Slice(Vec<(u64, Option<u64>)>);

impl Slice {
    /// Reads a `TensorSliceProto`.
    pub(super) fn read(window: &mut Window, mut rest: Span) -> Result<Self, Fault> {
        let mut slice = Self::default();
        while let Some((field, value)) = next_field(window, &mut rest)? {
            if field != 1 {
                continue;
            }
            if slice.0.len() == MAX_DIMS {
                return Err(Fault::new("a slice has too many dimensions"));
            }
            let (mut start, mut length) = (0, None);
            let mut extent = value.bytes()?;
            while let Some((field, value)) = next_field(window, &mut extent)? {
                match field {
                    1 => start = value.varint()?,
                    2 => length = Some(value.varint()?),
                    _ => {}
                }
            }
            slice.0.push((start, length));
        }
        Ok(slice)
    }

    /// Where it begins in a tensor of this shape, and its own shape; nothing if it is none of it.
    pub(super) fn bounds(&self, shape: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
        let axes = self.0.iter().zip(shape);
        let bounds = axes.map(|(&(start, length), &whole)| {
            let length = length.map_or(Some(whole), |length| usize::try_from(length).ok());
            Some((usize::try_from(start).ok()?, length?))
        });
        let bounds: Option<Vec<_>> = bounds.collect();
        let bounds = bounds.filter(|_| self.0.len() == shape.len())?;
        Some(bounds.into_iter().unzip())
    }

    /// The key of its entry.
    pub(super) fn key(&self, variable: &str) -> Vec<u8> {
        let mut key = vec![MARK];
        for &byte in variable.as_bytes() {
            match byte {
                0 => key.extend([0, 0xff]),
                0xff => key.extend([0xff, 0]),
                plain => key.push(plain),
            }
        }
        key.extend([0, 1]);
        // The number of axes is below 256.
        match self.0.len() {
            0 => key.push(0),
            count => key.extend([1, count as u8]),
        }
        for &(start, length) in &self.0 {
            ordered(&mut key, start as i64);
            ordered(&mut key, length.map_or(-1, |length| length as i64));
        }
        key
    }
}

/// A number in as few bytes as it needs, so that bytes are ordered as numbers are.
fn ordered(key: &mut Vec<u8>, number: i64) {
    let bits = 64 - (if number < 0 { !number } else { number }).leading_zeros() as usize;
    let length = bits / 7 + 1;
    let mut bytes = [if number < 0 { 0xff } else { 0 }; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    let bytes = &mut bytes[10 - length..];
    // As many ones as bytes, from the highest bit on.
    let ones = !(u16::MAX >> length);
    for (byte, ones) in bytes.iter_mut().zip(ones.to_be_bytes()) {
        *byte ^= ones;
    }
    key.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(number: i64) -> Vec<u8> {
        let mut key = Vec::new();
        ordered(&mut key, number);
        key
    }

    #[test]
    fn numbers_keep_their_order() {
        assert_eq!(bytes(0), [0x80]);
        assert_eq!(bytes(-1), [0x7f]);
        assert_eq!(bytes(63), [0xbf]);
        assert_eq!(bytes(64), [0xc0, 0x40]);
        assert_eq!(bytes(8191), [0xdf, 0xff]);
        assert_eq!(bytes(8192), [0xe0, 0x20, 0]);
        assert_eq!(bytes(i64::MAX).len(), 10);
        let some = [i64::MIN, -70_000, -65, -64, -1, 0, 63, 64, 70_000, i64::MAX];
        assert!(some.map(bytes).is_sorted());
    }
}
