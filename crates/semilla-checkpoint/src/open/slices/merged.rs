//! The slices of all processes, read as one model.

use std::path::Path;

use semilla::Layout;

use super::files::Slices;
use super::rules::Cut;
use crate::error::Error;
use crate::io::block::Block;
use crate::io::index::common;
use crate::io::range::check_range;
use crate::{Checkpoint, Format, Metadata, Remark, TensorInfo, Tensors};

/// A model whose matrices lie in slices in several files.
struct Merged {
    /// At least one.
    slices: Vec<Box<dyn Checkpoint>>,
    tensors: Tensors,
    sources: Vec<Source>,
    metadata: Metadata,
    remarks: Vec<Remark>,
}

/// Where a tensor's elements come from.
struct Source {
    /// Its position in the first file.
    first: usize,
    /// How it is put together, in words, if it is.
    how: Option<String>,
    pieces: Vec<Piece>,
}

/// A box of a tensor, and where its bytes lie in a slice.
struct Piece {
    block: Block,
    file: usize,
    tensor: usize,
    start: u64,
}

/// Merges the slices that the files hold, in their order.
///
/// # Errors
/// Files are missing, or two of them do not hold slices of the same tensors.
pub(in crate::open) fn merge(
    of: &Slices,
    mut slices: Vec<Box<dyn Checkpoint>>,
) -> Result<Box<dyn Checkpoint>, Error> {
    check_count(of, &*slices[0])?;
    if slices.len() == 1 {
        return Ok(slices.remove(0));
    }
    let mut tensors = Vec::new();
    let mut sources = Vec::new();
    let mut remarks = slices[0].remarks().to_vec();
    let mut counts: Vec<(String, usize)> = Vec::new();
    for first in 0..slices[0].tensors().len() {
        let positions = positions(of, &slices, first)?;
        let name = slices[0].tensors()[first].name();
        let Some(cut) = cut(of, &slices, &positions)? else {
            remarks.push(Remark::Unreadable {
                name: name.to_owned(),
                problem: "no rule says along which axis its slices lie".to_owned(),
            });
            continue;
        };
        let (shape, pieces) = pieces(of, &slices, &positions, cut)?;
        let info = TensorInfo::new(name, slices[0].tensors()[first].dtype(), shape);
        tensors.push(info.map_err(|invalid| Error::malformed(&of.files[0])(invalid.into()))?);
        let how = words(cut, slices.len());
        if let Some(how) = &how {
            match counts.iter_mut().find(|(known, _)| known == how) {
                Some((_, count)) => *count += 1,
                None => counts.push((how.clone(), 1)),
            }
        }
        sources.push(Source { first, how, pieces });
    }
    let counts = counts.into_iter();
    remarks.extend(counts.map(|(how, count)| Remark::Decoded { count, how }));
    let metadata = slices.iter().map(|slice| slice.metadata().clone());
    let metadata = metadata.fold(None, |seen, other| Some(common(seen, other)));
    Ok(Box::new(Merged {
        tensors: Tensors::new(tensors).map_err(Error::malformed(&of.files[0]))?,
        slices,
        sources,
        metadata: metadata.unwrap_or_default(),
        remarks,
    }))
}

/// Keys under which trainers say how many processes share a layer, and how many share the layers.
const WIDTHS: [&str; 2] = ["tensor_model_parallel_size", "mp_world_size"];
const DEPTH: &str = "pipeline_model_parallel_size";

/// Checks that there is a file for each slice that the model was cut into.
fn check_count(of: &Slices, first: &dyn Checkpoint) -> Result<(), Error> {
    let number = |key: &str| first.metadata().get(key)?.parse::<usize>().ok();
    if number(DEPTH).is_some_and(|stages| stages > 1) {
        return Err(refused(
            of,
            0,
            "a stage of a pipeline; merge the stages with the trainer",
        ));
    }
    let names = first
        .tensors()
        .iter()
        .map(|info| (info.name(), info.shape()));
    let said = WIDTHS.iter().find_map(|key| number(key));
    match said.or_else(|| of.family.count(names)) {
        Some(count) if count > of.files.len() => Err(of.missing(count)),
        _ => Ok(()),
    }
}

/// Where a tensor of the first file is in each.
fn positions(
    of: &Slices,
    slices: &[Box<dyn Checkpoint>],
    first: usize,
) -> Result<Vec<usize>, Error> {
    let info = &slices[0].tensors()[first];
    let place = |number: usize| {
        let slice = &slices[number];
        let place = slice.tensors().index_of(info.name());
        place
            .filter(|&place| &slice.tensors()[place] == info)
            .ok_or_else(|| {
                let name = crate::Quoted::new(info.name());
                refused(
                    of,
                    number,
                    &format!("a slice of another model: {name} differs"),
                )
            })
    };
    (0..slices.len()).map(place).collect()
}

/// How a tensor was cut; what is the same in all files is whole without a rule.
fn cut(
    of: &Slices,
    slices: &[Box<dyn Checkpoint>],
    positions: &[usize],
) -> Result<Option<Cut>, Error> {
    let shape = |name: &str| -> Option<&[usize]> {
        let tensors = slices[0].tensors();
        Some(tensors[tensors.index_of(name)?].shape())
    };
    let name = slices[0].tensors()[positions[0]].name();
    match of.family.cut(name, slices.len(), &shape) {
        Some(cut) => Ok(Some(cut)),
        None if are_same(slices, positions)? => Ok(Some(Cut::Whole)),
        None => Ok(None),
    }
}

fn are_same(slices: &[Box<dyn Checkpoint>], positions: &[usize]) -> Result<bool, Error> {
    const AT_ONCE: u64 = 1 << 20;
    let bytes = slices[0].tensors()[positions[0]].bytes();
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for offset in (0..bytes).step_by(AT_ONCE as usize) {
        let count = (bytes - offset).min(AT_ONCE) as usize;
        one.resize(count, 0);
        other.resize(count, 0);
        slices[0].read(positions[0], offset, &mut one)?;
        for (slice, &place) in slices.iter().zip(positions).skip(1) {
            slice.read(place, offset, &mut other)?;
            if one != other {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The shape of the whole, and where its boxes lie.
fn pieces(
    of: &Slices,
    slices: &[Box<dyn Checkpoint>],
    positions: &[usize],
    cut: Cut,
) -> Result<(Vec<usize>, Vec<Piece>), Error> {
    let info = &slices[0].tensors()[positions[0]];
    let slice = info.shape();
    let wrong = || {
        let name = crate::Quoted::new(info.name());
        refused(
            of,
            0,
            &format!("a slice of shape {slice:?} of {name}, which cannot be merged"),
        )
    };
    // Each part of a slice lies behind the same part of the slice before.
    let (axis, parts, files) = match cut {
        Cut::Whole => (0, 1, 1),
        Cut::Along(axis) => (axis, 1, slices.len()),
        Cut::Halves => (0, 2, slices.len()),
    };
    if cut == Cut::Whole && slice.is_empty() {
        let block = Block::new(&[], &[], &[], info.dtype().size()).ok_or_else(wrong)?;
        let (file, tensor, start) = (0, positions[0], 0);
        let piece = Piece {
            block,
            file,
            tensor,
            start,
        };
        return Ok((Vec::new(), vec![piece]));
    }
    let length = *slice.get(axis).ok_or_else(wrong)?;
    if length % parts != 0 {
        return Err(wrong());
    }
    let mut shape = slice.to_vec();
    shape[axis] = length.checked_mul(files).ok_or_else(wrong)?;
    let mut sizes = slice.to_vec();
    sizes[axis] = length / parts;
    let mut found = Vec::with_capacity(files * parts);
    for part in 0..parts {
        for (file, &tensor) in positions.iter().enumerate().take(files) {
            let mut starts = vec![0; shape.len()];
            starts[axis] = (part * files + file) * sizes[axis];
            let block = Block::new(&starts, &sizes, &shape, info.dtype().size());
            found.push(Piece {
                block: block.ok_or_else(wrong)?,
                file,
                tensor,
                start: info.bytes() / parts as u64 * part as u64,
            });
        }
    }
    Ok((shape, found))
}

fn words(cut: Cut, count: usize) -> Option<String> {
    match cut {
        Cut::Whole => None,
        Cut::Along(axis) => Some(format!("merged from {count} slices along axis {axis}")),
        Cut::Halves => Some(format!("merged from {count} slices of both halves")),
    }
}

fn refused(of: &Slices, number: usize, problem: &str) -> Error {
    Error::Slice {
        path: of.files[number].clone(),
        problem: problem.to_owned(),
    }
}

impl Checkpoint for Merged {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        self.slices[0].format()
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        self.slices[0].layout(self.sources.get(tensor)?.first)
    }

    fn made_of_parts(&self, tensor: usize) -> Option<&str> {
        self.sources.get(tensor)?.how.as_deref()
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.slices[0].file(self.sources.get(tensor)?.first)
    }

    fn files(&self, tensor: usize) -> Vec<&Path> {
        let pieces = self.sources.get(tensor).into_iter();
        let pieces = pieces.flat_map(|source| &source.pieces);
        pieces
            .flat_map(|piece| self.slices[piece.file].files(piece.tensor))
            .collect()
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        for piece in &self.sources[tensor].pieces {
            piece.block.copy(offset, into, |from, bytes| {
                self.slices[piece.file].read(piece.tensor, piece.start + from, bytes)
            })?;
        }
        Ok(())
    }
}
