//! Two tensors of checkpoints, byte by byte.

use rayon::prelude::*;
use semilla_checkpoint::Checkpoint;

use crate::failure::Failure;

/// What is read at a time.
const PIECE: u64 = 1 << 20;

/// A tensor by its place in a checkpoint.
pub(crate) type Place<'a> = (&'a dyn Checkpoint, usize);

/// Whether two tensors have the same element type, shape and bytes. Ends early where they differ.
pub(crate) fn same(left: Place<'_>, right: Place<'_>) -> Result<bool, Failure> {
    let info = |(file, tensor): Place<'_>| file.tensors()[tensor].clone();
    let (own, other) = (info(left), info(right));
    if own.dtype() != other.dtype() || own.shape() != other.shape() {
        return Ok(false);
    }
    let bytes = own.bytes();
    let read = |(file, tensor): Place<'_>, offset: u64| {
        let mut piece = vec![0; PIECE.min(bytes - offset) as usize];
        file.read(tensor, offset, &mut piece).map(|()| piece)
    };
    let pieces = (0..bytes.div_ceil(PIECE)).into_par_iter();
    let different = pieces.find_map_any(|piece| {
        let offset = piece * PIECE;
        let both = read(left, offset).and_then(|left| Ok(left == read(right, offset)?));
        (!matches!(both, Ok(true))).then_some(both)
    });
    Ok(different.unwrap_or(Ok(true))?)
}
