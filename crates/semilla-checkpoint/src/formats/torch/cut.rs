//! Weights that Paddle cut in pieces, as pickles of protocol 2 cannot have objects of 4 GiB.
//!
//! Source: `_unpack_saved_dict` in `python/paddle/framework/io_utils.py`.

use std::path::Path;

use super::sequence::{sequence, sizes};
use crate::formats::torch::pickle::{Id, Node, Values};
use crate::io::range::check_range;
use crate::quoted::Quoted;
use crate::{Checkpoint, Error, Format, Metadata, Remark, TensorInfo, Tensors};

/// The key under which Paddle says what it cut.
const LIST: &str = "UnpackBigParamInfor@@";

/// A weight in pieces.
pub(super) struct Cut {
    name: String,
    shape: Vec<usize>,
    /// The names of its pieces: their elements follow each other.
    pieces: Vec<String>,
}

/// The weights that were cut.
///
/// # Errors
/// The list of them is none.
pub(super) fn cuts(values: &Values, saved: Id) -> Result<Vec<Cut>, String> {
    let Some(list) = values.entry(saved, LIST) else {
        return Ok(Vec::new());
    };
    let odd = || format!("its list of weights in pieces, {LIST}, is of an unknown kind");
    let Node::Dict(cut) = values.get(list) else {
        return Err(odd());
    };
    let one = |&(name, about): &(Id, Id)| {
        let shape = sizes(values, values.entry(about, "OriginShape")?)?;
        let pieces = sequence(values, values.entry(about, "slices")?)?;
        let pieces = pieces
            .iter()
            .map(|&piece| values.text(piece).map(String::from));
        Some(Cut {
            name: values.text(name)?.to_owned(),
            shape: shape.into_iter().map(|size| size as usize).collect(),
            pieces: pieces.collect::<Option<_>>()?,
        })
    };
    let cuts: Option<Vec<Cut>> = cut.iter().map(one).collect();
    cuts.ok_or_else(odd)
}

/// A file whose weights in pieces are whole.
pub(super) struct Joined<C> {
    inner: C,
    tensors: Tensors,
    /// For each tensor its pieces among those of the file.
    pieces: Vec<Vec<usize>>,
}

impl<C: Checkpoint> Joined<C> {
    /// # Errors
    /// Pieces are missing, or not all of a weight.
    pub(super) fn of(inner: C, cuts: &[Cut], path: &Path) -> Result<Self, Error> {
        let mut whole: Vec<Option<(TensorInfo, Vec<usize>)>> = Vec::new();
        for (number, info) in inner.tensors().iter().enumerate() {
            whole.push(Some((info.clone(), vec![number])));
        }
        for cut in cuts {
            let odd = || Error::Format {
                path: path.to_owned(),
                format: Format::Numpy,
                problem: format!(
                    "tensor {}: its pieces are missing, or not all of it; fetch the file again",
                    Quoted::new(&cut.name)
                ),
            };
            let places = cut.pieces.iter().map(|name| inner.tensors().index_of(name));
            let places: Vec<usize> = places.collect::<Option<_>>().ok_or_else(odd)?;
            let first = *places.first().ok_or_else(odd)?;
            let dtype = inner.tensors()[first].dtype();
            let info = TensorInfo::new(&*cut.name, dtype, cut.shape.clone());
            let info = info.map_err(|invalid| Error::malformed(path)(invalid.into()))?;
            let mut bytes = 0u64;
            for &place in &places {
                let (piece, _) = whole[place].take().ok_or_else(odd)?;
                bytes = bytes.saturating_add(piece.bytes());
                if piece.dtype() != dtype {
                    return Err(odd());
                }
            }
            if bytes != info.bytes() {
                return Err(odd());
            }
            whole[first] = Some((info, places));
        }
        let (tensors, pieces): (Vec<_>, Vec<_>) = whole.into_iter().flatten().unzip();
        Ok(Self {
            inner,
            tensors: Tensors::new(tensors).map_err(Error::malformed(path))?,
            pieces,
        })
    }
}

impl<C: Checkpoint> Checkpoint for Joined<C> {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        self.inner.metadata()
    }

    fn format(&self) -> Format {
        self.inner.format()
    }

    fn remarks(&self) -> &[Remark] {
        self.inner.remarks()
    }

    fn dictionaries(&self) -> &[String] {
        self.inner.dictionaries()
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.inner.file(*self.pieces.get(tensor)?.first()?)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        let mut before = 0;
        let (mut offset, mut rest) = (offset, into);
        for &piece in &self.pieces[tensor] {
            let end = before + self.inner.tensors()[piece].bytes();
            if offset < end && !rest.is_empty() {
                let count = (end - offset).min(rest.len() as u64);
                let (now, later) = rest.split_at_mut(count as usize);
                self.inner.read(piece, offset - before, now)?;
                (offset, rest) = (offset + count, later);
            }
            before = end;
        }
        Ok(())
    }
}
