//! A tensor's bytes, a MiB at a time.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::watch::go_on;
use crate::{Checkpoint, Error};

/// The bytes read at a time: a multiple of every element's size.
const PIECE: u64 = 1 << 20;

/// A tensor by its position in a checkpoint.
pub(super) type Place<'a> = (&'a dyn Checkpoint, usize);

/// Hands out a tensor's bytes in order, with the position of each piece's first byte. Pieces end
/// between elements.
pub(super) fn pieces<E: From<Error>>(
    (file, tensor): Place<'_>,
    stop: &AtomicBool,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let bytes = file.tensors()[tensor].bytes();
    let mut buffer = vec![0; PIECE.min(bytes) as usize];
    for number in 0..bytes.div_ceil(PIECE) {
        go_on(stop)?;
        let (offset, len) = piece(bytes, number);
        file.read(tensor, offset, &mut buffer[..len])?;
        each(offset, &buffer[..len])?;
    }
    Ok(())
}

/// Whether two tensors have the same element type, shape and bytes. Ends early where they differ.
pub(super) fn same(left: Place<'_>, right: Place<'_>, stop: &AtomicBool) -> Result<bool, Error> {
    let [own, other] = [left, right].map(|(file, tensor)| &file.tensors()[tensor]);
    if own.dtype() != other.dtype() || own.shape() != other.shape() {
        return Ok(false);
    }
    let bytes = own.bytes();
    let differs = |number| {
        go_on(stop)?;
        let (offset, len) = piece(bytes, number);
        let read = |(file, tensor): Place<'_>| {
            let mut bytes = vec![0; len];
            file.read(tensor, offset, &mut bytes).map(|()| bytes)
        };
        Ok(read(left)? != read(right)?)
    };
    let ended = (0..bytes.div_ceil(PIECE))
        .into_par_iter()
        .map(differs)
        .find_any(|differs| !matches!(differs, Ok(false)));
    ended.map_or(Ok(true), |differs| differs.map(|differs| !differs))
}

/// The position and length of a piece.
fn piece(bytes: u64, number: u64) -> (u64, usize) {
    let offset = number * PIECE;
    (offset, PIECE.min(bytes - offset) as usize)
}

#[cfg(test)]
mod tests {
    use semilla::DType;

    use super::*;
    use crate::{Metadata, SafetensorsWriter, TensorInfo, Tensors, open};

    #[test]
    fn pieces_are_a_tensors_bytes_and_end_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let len = 2 * PIECE as usize + 3;
        let list = ["a", "b", "c"].map(|name| TensorInfo::new(name, DType::U8, [len]).unwrap());
        let list = Tensors::new(list.to_vec()).unwrap();
        let writer = SafetensorsWriter::create(&path, list, Metadata::new(), None).unwrap();
        let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let mut other = bytes.clone();
        other[len - 1] += 1;
        for (tensor, bytes) in [&bytes, &bytes, &other].into_iter().enumerate() {
            writer.write(tensor, 0, bytes).unwrap();
        }
        writer.finish().unwrap();

        let file = open(&path).unwrap();
        let never = AtomicBool::new(false);
        let mut seen = Vec::new();
        let mut sizes = Vec::new();
        pieces((&*file, 0), &never, |offset, piece| {
            assert_eq!(offset, seen.len() as u64);
            seen.extend_from_slice(piece);
            sizes.push(piece.len() as u64);
            Ok::<(), Error>(())
        })
        .unwrap();
        assert_eq!(seen, bytes);
        assert_eq!(sizes, [PIECE, PIECE, 3]);
        assert!(same((&*file, 0), (&*file, 1), &never).unwrap());
        assert!(!same((&*file, 0), (&*file, 2), &never).unwrap());

        let now = AtomicBool::new(true);
        let stopped = pieces((&*file, 0), &now, |_, _| Ok::<(), Error>(()));
        assert!(matches!(stopped, Err(Error::Interrupted)));
        let stopped = same((&*file, 0), (&*file, 1), &now);
        assert!(matches!(stopped, Err(Error::Interrupted)));
    }
}
