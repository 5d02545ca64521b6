//! Reading values when they are asked for.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::blocks::Quantization;
use super::encoding::Encoding;
use super::structure::{Location, Structure};
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::io::range::check_range;
use crate::io::window::{Fault, Window};
use crate::{Checkpoint, Error, Format, Limits, Metadata, Remark, Tensors};

/// The tensors of a GGUF file, of version 2 or 3, little-endian.
///
/// Shapes are in row-major order, the reverse of the file's. Quantized tensors (Q4_0, Q4_1, Q5_0,
/// Q5_1, Q8_0, Q2_K to Q6_K, IQ1 to IQ4, TQ1_0, TQ2_0, MXFP4, NVFP4) are given as F32, a block
/// at a time when they are read. Metadata are strings and numbers as text; of an array, how many
/// elements it has.
///
/// Names and the order of rows are the file's own: see [`Remark::RotaryOrder`].
pub struct Gguf {
    file: File,
    path: PathBuf,
    tensors: Tensors,
    locations: Vec<Location>,
    metadata: Metadata,
    remarks: Vec<Remark>,
}

/// Blocks that are turned into floats together.
const BLOCKS: u64 = 64;

impl Gguf {
    /// Opens a file. The tensors come in the order in which it lists them.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, beyond the limits or of an older version, or a tensor's
    /// quantization is not known.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        let (metadata, tensors, locations) = Structure::read(Window::new(&file, bytes), limits)
            .map_err(Fault::in_file(path, Format::Gguf))?;
        Ok(Self {
            remarks: remarks(&metadata, &tensors),
            path: path.to_owned(),
            file,
            tensors,
            locations,
            metadata,
        })
    }

    fn read_blocks(
        &self,
        quantization: Quantization,
        start: u64,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), Error> {
        let (encoding, decoded) = (quantization.bytes(), 4 * quantization.elements());
        let mut done = 0;
        while done < into.len() {
            let at = offset + done as u64;
            let first = at / decoded as u64;
            let skip = (at % decoded as u64) as usize;
            let wanted = into.len() - done;
            let count = ((skip + wanted).div_ceil(decoded)).min(BLOCKS as usize);
            let mut blocks = vec![0; count * encoding];
            read_at(&self.file, &mut blocks, start + first * encoding as u64)
                .map_err(Error::io("read", &self.path))?;
            let mut values = vec![0f32; count * quantization.elements()];
            for (block, values) in blocks
                .chunks_exact(encoding)
                .zip(values.chunks_exact_mut(quantization.elements()))
            {
                quantization.dequantize(block, values);
            }
            for value in &mut values {
                *value = f32::from_bits(value.to_bits().to_le());
            }
            let bytes: &[u8] = bytemuck::cast_slice(&values);
            let len = wanted.min(bytes.len() - skip);
            into[done..done + len].copy_from_slice(&bytes[skip..skip + len]);
            done += len;
        }
        Ok(())
    }
}

/// In files of the Llama architecture, converters have moved the rows of query and key.
fn remarks(metadata: &Metadata, tensors: &Tensors) -> Vec<Remark> {
    let is_llama = metadata.get("general.architecture").map(String::as_str) == Some("llama");
    let count = tensors
        .iter()
        .filter(|tensor| tensor.name().contains("attn_q.") || tensor.name().contains("attn_k."))
        .count();
    if is_llama && count > 0 {
        return vec![Remark::RotaryOrder { tensors: count }];
    }
    Vec::new()
}

impl Checkpoint for Gguf {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Gguf
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.locations.get(tensor).map(|_| self.path.as_path())
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        check_range(&self.tensors, tensor, offset, into.len())?;
        let location = self.locations[tensor];
        match location.encoding {
            Encoding::Plain(_) => read_at(&self.file, into, location.start + offset)
                .map_err(Error::io("read", &self.path)),
            Encoding::Blocks(quantization) => {
                self.read_blocks(quantization, location.start, offset, into)
            }
        }
    }
}
