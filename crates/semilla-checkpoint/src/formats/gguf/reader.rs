//! Reading GGUF: the structure at once, the values when they are asked for.

use std::fs::File;
use std::path::{Path, PathBuf};

use semilla::DType;

use super::blocks::Quantization;
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::io::range::check_range;
use crate::io::window::{Fault, Window};
use crate::tensor::MAX_NAME_BYTES;
use crate::{Checkpoint, Error, Format, Limits, Metadata, Quoted, Remark, TensorInfo, Tensors};

/// The tensors of a GGUF file, of version 2 or 3, little-endian.
///
/// Shapes are in row-major order, the reverse of the file's. Quantized tensors (Q4_0, Q4_1, Q5_0,
/// Q5_1, Q8_0, Q2_K to Q6_K) are given as F32, a block at a time when they are read. Metadata are
/// strings and numbers as text; of an array, how many elements it has.
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

/// Where a tensor's values are and how they are stored.
#[derive(Debug, Clone, Copy)]
struct Location {
    start: u64,
    encoding: Encoding,
}

/// How elements are stored.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Plain(DType),
    Blocks(Quantization),
}

const MAX_DIMS: u32 = 8;
const MAX_ALIGNMENT: u64 = 1 << 20;
const DEFAULT_ALIGNMENT: u64 = 32;
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

/// The structure before the values, read from front to back.
struct Structure<'f> {
    window: Window<'f>,
    at: u64,
    /// How many more bytes of text may be kept.
    text: u64,
}

impl<'f> Structure<'f> {
    fn read(
        window: Window<'f>,
        limits: &Limits,
    ) -> Result<(Metadata, Tensors, Vec<Location>), Fault> {
        let mut structure = Self {
            window,
            at: 4,
            text: limits.header_bytes,
        };
        structure.version()?;
        let tensor_count = structure.u64()?;
        let entries = structure.u64()?;
        bounded("entries of metadata", entries, limits.metadata)?;
        bounded("tensors", tensor_count, limits.tensors)?;
        let (metadata, alignment) = structure.metadata(entries)?;
        let mut listed = Vec::new();
        for _ in 0..tensor_count {
            listed.push(structure.tensor(alignment)?);
        }
        let data = structure.at.next_multiple_of(alignment);
        let file = structure.window.len();
        let mut locations = Vec::with_capacity(listed.len());
        let mut list = Vec::with_capacity(listed.len());
        for (info, encoding, offset) in listed {
            let bytes = encoding.bytes(&info);
            let start = data.checked_add(offset);
            let end = start.and_then(|start| start.checked_add(bytes));
            match (start, end) {
                (Some(start), Some(end)) if end <= file || bytes == 0 => {
                    locations.push(Location { start, encoding });
                }
                _ => {
                    return Err(Fault::new(format!(
                        "the file is truncated: tensor {} needs {bytes} bytes at {offset} of \
                         its data, \
                         and the file has {file}; fetch it again",
                        Quoted::new(info.name())
                    )));
                }
            }
            list.push(info);
        }
        let tensors = Tensors::new(list)?;
        check_overlaps(&tensors, &locations)?;
        if tensors.bytes() > file.saturating_mul(limits.expansion) {
            return Err(Fault::new(format!(
                "its tensors have {} bytes together, more than {} times the file",
                tensors.bytes(),
                limits.expansion
            )));
        }
        Ok((metadata, tensors, locations))
    }

    fn version(&mut self) -> Result<(), Fault> {
        match self.u32()? {
            2 | 3 => Ok(()),
            1 => Err(Fault::new(
                "version 1 is not supported; convert it with a newer tool",
            )),
            version if matches!(version.swap_bytes(), 1..=3) => Err(Fault::new(
                "it is big-endian, which is not supported; convert it to little-endian",
            )),
            version => Err(Fault::new(format!("version {version} is not known"))),
        }
    }

    fn metadata(&mut self, entries: u64) -> Result<(Metadata, u64), Fault> {
        let mut metadata = Metadata::new();
        let mut alignment = DEFAULT_ALIGNMENT;
        for _ in 0..entries {
            let key = self.string()?;
            let kind = self.u32()?;
            let value = self.value(kind)?;
            if key == "general.alignment" {
                alignment = value
                    .parse()
                    .ok()
                    .filter(|&a: &u64| kind == 4 && a.is_power_of_two() && a <= MAX_ALIGNMENT)
                    .ok_or_else(|| {
                        Fault::new(format!(
                            "the alignment {} is not a power of two up to {MAX_ALIGNMENT}",
                            Quoted::new(&value)
                        ))
                    })?;
            }
            if metadata.contains_key(&key) {
                return Err(Fault::new(format!(
                    "the metadata have {} twice",
                    Quoted::new(&key)
                )));
            }
            metadata.insert(key, value);
        }
        Ok((metadata, alignment))
    }

    /// A value of metadata as text.
    fn value(&mut self, kind: u32) -> Result<String, Fault> {
        Ok(match kind {
            0 => self.array::<1>()?[0].to_string(),
            1 => i8::from_le_bytes(self.array()?).to_string(),
            2 => u16::from_le_bytes(self.array()?).to_string(),
            3 => i16::from_le_bytes(self.array()?).to_string(),
            4 => self.u32()?.to_string(),
            5 => i32::from_le_bytes(self.array()?).to_string(),
            6 => f32::from_le_bytes(self.array()?).to_string(),
            7 => (self.array::<1>()? != [0]).to_string(),
            8 => self.string()?,
            9 => {
                let kind = self.u32()?;
                let count = self.u64()?;
                self.skip_elements(kind, count)?;
                format!("[{count} elements]")
            }
            10 => self.u64()?.to_string(),
            11 => i64::from_le_bytes(self.array()?).to_string(),
            12 => f64::from_le_bytes(self.array()?).to_string(),
            _ => return Err(unknown_kind(kind)),
        })
    }

    /// Steps over an array. The file's length bounds how long this takes: no element is empty.
    fn skip_elements(&mut self, kind: u32, count: u64) -> Result<(), Fault> {
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => {
                for _ in 0..count {
                    let len = self.u64()?;
                    self.skip(len)?;
                }
                return Ok(());
            }
            9 => {
                return Err(Fault::new(
                    "the metadata have an array of arrays, which is not supported",
                ));
            }
            _ => return Err(unknown_kind(kind)),
        };
        self.skip(count.saturating_mul(size))
    }

    fn tensor(&mut self, alignment: u64) -> Result<(TensorInfo, Encoding, u64), Fault> {
        let name = self.string()?;
        let problem =
            |problem: String| Fault::new(format!("tensor {}: {problem}", Quoted::new(&name)));
        if name.len() > MAX_NAME_BYTES {
            return Err(problem(format!("the name has {} bytes", name.len())));
        }
        let dims = self.u32()?;
        if dims > MAX_DIMS {
            return Err(problem(format!(
                "it has {dims} dimensions, more than {MAX_DIMS}"
            )));
        }
        let mut shape = Vec::new();
        for _ in 0..dims {
            let dim = self.u64()?;
            shape.push(
                usize::try_from(dim)
                    .map_err(|_| problem(format!("the size {dim} is too large")))?,
            );
        }
        shape.reverse();
        let kind = self.u32()?;
        let encoding = Encoding::from_number(kind).map_err(|name| {
            problem(format!(
                "it is quantized as {name}, which is not supported; convert the file to F16 or Q8_0"
            ))
        })?;
        let row = shape.last().copied().unwrap_or(1);
        if let Encoding::Blocks(quantization) = encoding
            && !row.is_multiple_of(quantization.elements())
        {
            return Err(problem(format!(
                "its rows of {row} are not made of blocks of {}",
                quantization.elements()
            )));
        }
        let offset = self.u64()?;
        if !offset.is_multiple_of(alignment) {
            return Err(problem(format!(
                "its offset {offset} is not a multiple of {alignment}"
            )));
        }
        let info = TensorInfo::new(name.clone(), encoding.dtype(), shape)?;
        Ok((info, encoding, offset))
    }

    fn string(&mut self) -> Result<String, Fault> {
        let len = self.u64()?;
        self.text = self.text.checked_sub(len).ok_or_else(|| {
            Fault::new("its names and texts have more bytes together than the limit for a header")
        })?;
        let bytes = self.window.copy(self.at, len)?;
        self.at += len;
        String::from_utf8(bytes)
            .map_err(|_| Fault::new(format!("the text before byte {} is not UTF-8", self.at)))
    }

    fn skip(&mut self, count: u64) -> Result<(), Fault> {
        if count > self.window.len() - self.at {
            return Err(self.window.truncated());
        }
        self.at += count;
        Ok(())
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.window.get(self.at, N)?);
        self.at += N as u64;
        Ok(array)
    }
}

fn unknown_kind(kind: u32) -> Fault {
    Fault::new(format!("the metadata have a value of unknown type {kind}"))
}

fn bounded(what: &str, count: u64, limit: usize) -> Result<(), Fault> {
    if count > limit as u64 {
        return Err(Fault::new(format!(
            "it says to have {count} {what}, more than the limit of {limit}"
        )));
    }
    Ok(())
}

/// No two tensors may share bytes.
fn check_overlaps(tensors: &Tensors, locations: &[Location]) -> Result<(), Fault> {
    let mut ranges: Vec<(u64, u64, usize)> = locations
        .iter()
        .enumerate()
        .map(|(index, location)| {
            (
                location.start,
                location.encoding.bytes(&tensors[index]),
                index,
            )
        })
        .filter(|&(_, bytes, _)| bytes > 0)
        .collect();
    ranges.sort_unstable();
    match ranges
        .windows(2)
        .find(|pair| pair[0].0 + pair[0].1 > pair[1].0)
    {
        None => Ok(()),
        Some(pair) => Err(Fault::new(format!(
            "the data of tensors {} and {} overlap",
            Quoted::new(tensors[pair[0].2].name()),
            Quoted::new(tensors[pair[1].2].name())
        ))),
    }
}

impl Encoding {
    /// The way of storing with this number in ggml, or the name of one that cannot be read.
    fn from_number(number: u32) -> Result<Self, String> {
        Ok(match number {
            0 => Encoding::Plain(DType::F32),
            1 => Encoding::Plain(DType::F16),
            2 => Encoding::Blocks(Quantization::Q4_0),
            3 => Encoding::Blocks(Quantization::Q4_1),
            6 => Encoding::Blocks(Quantization::Q5_0),
            7 => Encoding::Blocks(Quantization::Q5_1),
            8 => Encoding::Blocks(Quantization::Q8_0),
            10 => Encoding::Blocks(Quantization::Q2K),
            11 => Encoding::Blocks(Quantization::Q3K),
            12 => Encoding::Blocks(Quantization::Q4K),
            13 => Encoding::Blocks(Quantization::Q5K),
            14 => Encoding::Blocks(Quantization::Q6K),
            24 => Encoding::Plain(DType::I8),
            25 => Encoding::Plain(DType::I16),
            26 => Encoding::Plain(DType::I32),
            27 => Encoding::Plain(DType::I64),
            28 => Encoding::Plain(DType::F64),
            30 => Encoding::Plain(DType::BF16),
            _ => return Err(unsupported(number)),
        })
    }

    fn dtype(self) -> DType {
        match self {
            Encoding::Plain(dtype) => dtype,
            Encoding::Blocks(_) => DType::F32,
        }
    }

    /// The bytes that a tensor has in the file.
    fn bytes(self, info: &TensorInfo) -> u64 {
        match self {
            Encoding::Plain(_) => info.bytes(),
            Encoding::Blocks(quantization) => {
                info.elements() / quantization.elements() as u64 * quantization.bytes() as u64
            }
        }
    }
}

fn unsupported(number: u32) -> String {
    const NAMES: [(u32, &str); 18] = [
        (4, "Q4_2"),
        (5, "Q4_3"),
        (9, "Q8_1"),
        (15, "Q8_K"),
        (16, "IQ2_XXS"),
        (17, "IQ2_XS"),
        (18, "IQ3_XXS"),
        (19, "IQ1_S"),
        (20, "IQ4_NL"),
        (21, "IQ3_S"),
        (22, "IQ2_S"),
        (23, "IQ4_XS"),
        (29, "IQ1_M"),
        (34, "TQ1_0"),
        (35, "TQ2_0"),
        (39, "MXFP4"),
        (40, "NVFP4"),
        (41, "Q1_0"),
    ];
    NAMES
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| format!("type {number}"), |(_, name)| (*name).to_owned())
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
