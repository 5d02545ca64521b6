//! Tensors as windows on storages: shape, strides and the place of the first element.

use semilla::DType;

use super::storage::{Part, Storage};

/// Where a tensor's elements lie. Checked: every one is in the storage.
#[derive(Debug)]
pub(super) struct View {
    pub(super) storage: usize,
    /// The first element's place in the storage, in bytes.
    pub(super) start: u64,
    /// Bytes from the first element to behind the last in the storage; 0 if there is none.
    pub(super) span: u64,
    /// Sizes with their strides in bytes, outermost first; sizes of 1 are left out.
    dims: Vec<(u64, u64)>,
    /// Bytes of an element.
    size: u64,
}

impl View {
    /// A window on part of a storage; its offset and strides count elements of its own type.
    pub(super) fn new(
        (part, storage): (Part, &Storage),
        dtype: DType,
        offset: u64,
        shape: &[u64],
        strides: &[u64],
    ) -> Option<Self> {
        if shape.len() != strides.len() {
            return None;
        }
        let size = dtype.size() as u64;
        let mut view = Self {
            storage: part.storage,
            start: 0,
            span: 0,
            dims: Vec::new(),
            size,
        };
        if shape.contains(&0) {
            return Some(view);
        }
        let mut last: u64 = 0;
        for (&length, &stride) in shape
            .iter()
            .zip(strides)
            .filter(|(length, _)| **length != 1)
        {
            let stride = stride.checked_mul(size)?;
            last = last.checked_add(stride.checked_mul(length - 1)?)?;
            view.dims.push((length, stride));
        }
        let within = offset.checked_mul(size)?;
        view.span = last.checked_add(size)?;
        let end = within.checked_add(view.span)?;
        // The storage's own size was checked, and with it its parts'.
        view.start = part.start * storage.size + within;
        (end <= part.elements * storage.size).then_some(view)
    }

    /// Whether the elements lie one after the other in the tensor's order.
    pub(super) fn is_plain(&self) -> bool {
        let mut due = self.size;
        let mut inner_first = self.dims.iter().rev();
        inner_first.all(|&(length, stride)| {
            let fits = stride == due;
            due = due.saturating_mul(length);
            fits
        })
    }

    /// Copies the tensor's bytes from `offset` on, given those of the storage from its first element on.
    pub(super) fn gather(&self, span: &[u8], offset: u64, into: &mut [u8]) {
        if self.is_plain() {
            return into.copy_from_slice(&span[offset as usize..][..into.len()]);
        }
        let mut element = offset / self.size;
        let mut skip = (offset % self.size) as usize;
        // Where the element is along each dimension, and in the span.
        let mut index = vec![0; self.dims.len()];
        let mut place = 0;
        for (along, &(length, stride)) in index.iter_mut().zip(&self.dims).rev() {
            *along = element % length;
            place += *along * stride;
            element /= length;
        }
        let mut rest = into;
        loop {
            let count = (self.size as usize - skip).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&span[place as usize + skip..][..count]);
            if later.is_empty() {
                return;
            }
            (rest, skip) = (later, 0);
            for (along, &(length, stride)) in index.iter_mut().zip(&self.dims).rev() {
                *along += 1;
                place += stride;
                if *along < length {
                    break;
                }
                place -= length * stride;
                *along = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(elements: u64, offset: u64, shape: &[u64], strides: &[u64]) -> Option<View> {
        let part = Part {
            storage: 0,
            start: 1,
            elements: elements - 1,
        };
        let storage = Storage {
            key: crate::formats::torch::pickle::Values::OTHER,
            dtype: Some(DType::I16),
            size: 2,
            elements,
        };
        View::new((part, &storage), DType::I16, offset, shape, strides)
    }

    #[test]
    fn views_stay_in_their_storage() {
        assert!(view(25, 0, &[4, 6], &[6, 1]).is_some());
        assert!(view(25, 1, &[4, 6], &[6, 1]).is_none());
        assert!(view(25, 23, &[], &[]).is_some());
        assert!(view(25, 24, &[], &[]).is_none());
        assert!(view(25, u64::MAX, &[0], &[1]).is_some());
        assert!(view(25, 0, &[2, 2], &[1]).is_none());
        for huge in [u64::MAX, u64::MAX / 2, 1 << 62] {
            assert!(view(25, huge, &[2], &[1]).is_none());
            assert!(view(25, 0, &[2], &[huge]).is_none());
            assert!(view(25, 0, &[huge], &[huge]).is_none());
            assert!(view(25, 0, &[huge, 2], &[0, 0]).is_some());
        }
    }

    #[test]
    fn elements_come_in_the_tensors_order() {
        let bytes: Vec<u8> = (0..24i16).flat_map(i16::to_le_bytes).collect();
        for (shape, strides, expected, plain) in [
            (vec![2, 3], vec![3, 1], vec![2, 3, 4, 5, 6, 7], true),
            (vec![2, 1, 3], vec![3, 99, 1], vec![2, 3, 4, 5, 6, 7], true),
            (vec![3, 2], vec![1, 3], vec![2, 5, 3, 6, 4, 7], false),
            (vec![2, 2], vec![0, 5], vec![2, 7, 2, 7], false),
            (vec![], vec![], vec![2], true),
        ] {
            let view = view(25, 2, &shape, &strides).unwrap();
            assert_eq!((view.is_plain(), view.start), (plain, 6));
            let expected: Vec<u8> = expected
                .iter()
                .flat_map(|n: &i16| n.to_le_bytes())
                .collect();
            let span = &bytes[4..][..view.span as usize];
            for start in 0..expected.len() {
                for end in start + 1..=expected.len() {
                    let mut into = vec![0; end - start];
                    view.gather(span, start as u64, &mut into);
                    assert_eq!(into, expected[start..end]);
                }
            }
        }
    }
}
