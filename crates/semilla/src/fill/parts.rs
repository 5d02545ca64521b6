//! Large tensors in parts, so that what is held of them at a time stays small.

use super::{Fill, Slice, with_axis};
use crate::dtype::DType;

/// A matrix of more bytes than this is made in parts.
const PART_BYTES: usize = 64 << 20;

impl Fill {
    /// Slices that make up the tensor, in order; each may be prepared alone with [`Fill::prepare_part`] and then holds 64 MiB
    /// of the tensor at most. One slice, the whole, if the fill holds nothing or the tensor is small.
    ///
    /// Semi-orthogonal matrices are cut between rows if they are wide, between columns if they are tall; stacks
    /// and blocks between their members. Forms that need a whole matrix for each
    /// element (mimetic, delta-orthogonal, mirrored) are not cut.
    pub fn parts(&self, shape: &[usize], dtype: DType) -> Vec<Slice> {
        self.parts_of(PART_BYTES, shape, dtype)
    }

    /// Parts of at most so many bytes.
    pub(super) fn parts_of(&self, most: usize, shape: &[usize], dtype: DType) -> Vec<Slice> {
        // What is combined is held in double precision, before and after.
        let is_combined = matches!(self, Fill::Load(load) if !load.is_exact());
        let most = if is_combined { most / 4 } else { most };
        let whole = Slice::whole(shape);
        let bytes = bytes(shape, dtype);
        if !(self.moves_loads() || self.is_matrix()) || bytes <= most || whole.is_empty() {
            return vec![whole];
        }
        let pieces = bytes.div_ceil(most);
        match self {
            Fill::Orthogonal { rows, .. } => {
                let columns = shape.iter().product::<usize>() / rows;
                let last = shape.len() - 1;
                if *rows <= columns && rows.is_multiple_of(shape[0]) {
                    cut(shape, 0, pieces)
                } else if *rows > columns && columns == shape[last] {
                    cut(shape, last, pieces)
                } else {
                    vec![whole]
                }
            }
            Fill::Load(_) => cut(shape, 0, pieces),
            Fill::Sparse { .. } => cut(shape, 1, pieces),
            Fill::Stacked { of } => {
                let each = of.parts_of(most, &shape[1..], dtype);
                if each.len() == 1 {
                    return cut(shape, 0, pieces);
                }
                let lifted = |index| each.iter().map(move |part| part.clone().stacked_at(index));
                (0..shape[0]).flat_map(lifted).collect()
            }
            Fill::Blocks { axis, sections } => {
                let mut start = 0;
                let mut parts = Vec::new();
                for section in sections {
                    let of =
                        section
                            .fill
                            .parts_of(most, &with_axis(shape, *axis, section.size), dtype);
                    let moved = of.into_iter().map(|part| part.moved(*axis, start));
                    parts.extend(moved.filter(|part| !part.is_empty()));
                    start += section.size;
                }
                parts
            }
            Fill::Padded { of, .. } => of.parts_of(most, shape, dtype),
            _ => vec![whole],
        }
    }
}

/// The bytes of the matrix in the precision that it is made in.
fn bytes(shape: &[usize], dtype: DType) -> usize {
    let element = if dtype == DType::F64 { 8 } else { 4 };
    shape
        .iter()
        .fold(element, |bytes, &size| bytes.saturating_mul(size))
}

/// The tensor cut along an axis.
fn cut(shape: &[usize], axis: usize, pieces: usize) -> Vec<Slice> {
    let each = shape[axis].div_ceil(pieces).max(1);
    let part = |start| Slice::whole(shape).narrowed(axis, start, each.min(shape[axis] - start));
    (0..shape[axis]).step_by(each).map(part).collect()
}
