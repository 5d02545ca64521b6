//! The structure of a file: its metadata and its list of tensors.

use super::encoding::Encoding;
use crate::checkpoint::Metadata;
use crate::io::limits::Limits;
use crate::io::window::{Fault, Window};
use crate::quoted::Quoted;
use crate::tensor::{MAX_NAME_BYTES, TensorInfo};
use crate::tensors::Tensors;

/// Where a tensor's values are and how they are stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Location {
    pub(super) start: u64,
    pub(super) encoding: Encoding,
}

const MAX_DIMS: u32 = 8;
const MAX_ALIGNMENT: u64 = 1 << 20;
const DEFAULT_ALIGNMENT: u64 = 32;

/// The structure before the values, read from front to back.
pub(super) struct Structure<'f> {
    window: Window<'f>,
    at: u64,
    /// How many more bytes of text may be kept.
    text: u64,
}

impl<'f> Structure<'f> {
    /// Reads the metadata and the list of tensors, and where the values of each are.
    pub(super) fn read(
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
