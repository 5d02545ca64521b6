//! MessagePack, as far as arrays of Flax need it.
//!
//! Source: the specification of MessagePack, and `flax/serialization.py`: an array is an extension
//! of type 1 (a scalar, of type 3) that holds [shape, name of the type, bytes]; one of more than a
//! GiB is a dictionary with the keys below.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use crate::io::position::Buffered;
use crate::io::type_names::by_name;
use crate::quoted::Quoted;
use crate::tensor::{InvalidTensor, MAX_DIMS, MAX_NAME_BYTES};
use crate::{Limits, Remark, TensorInfo};

/// A tensor and the ranges of the file that hold its bytes, in order.
pub(super) type Found = (TensorInfo, Vec<Range<u64>>);

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error("{0}")]
    Problem(String),
    #[error(transparent)]
    Invalid(#[from] InvalidTensor),
}

/// Keys of an array in chunks.
const CHUNKED: &str = "__msgpack_chunked_array__";
const SHAPE: &str = "shape";
const CHUNKS: &str = "chunks";

/// How deep dictionaries may lie in each other.
const MAX_NESTING: usize = 100;
/// The most values that are looked at.
const MAX_VALUES: usize = 1 << 23;

/// Finds arrays in the order of the file.
pub(super) struct Parser<'a> {
    from: Buffered,
    limits: &'a Limits,
    name: String,
    depth: usize,
    values: usize,
    /// Of all names found.
    bytes: u64,
    pub(super) found: Vec<Found>,
    pub(super) remarks: Vec<Remark>,
}

/// What comes next.
enum Head {
    Map(u64),
    Array(u64),
    Text(u64),
    /// Bytes, or a number: so many bytes to be left out.
    Skip(u64),
    Int(i64),
    Extension {
        kind: i8,
        bytes: u64,
    },
}

/// An array as it is stored.
struct Stored {
    shape: Vec<usize>,
    kind: String,
    bytes: Range<u64>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(from: Buffered, limits: &'a Limits) -> Self {
        Self {
            from,
            limits,
            name: String::new(),
            depth: 0,
            values: 0,
            bytes: 0,
            found: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Follows one value to its end.
    pub(super) fn value(&mut self) -> Result<(), Fault> {
        match self.head()? {
            Head::Map(count) => self.map(count),
            Head::Array(count) => (0..count).try_for_each(|number| {
                let key = number.to_string();
                self.below(&key, Self::value)
            }),
            Head::Text(bytes) | Head::Skip(bytes) => self.skip(bytes),
            Head::Int(_) => Ok(()),
            Head::Extension { kind: 1 | 3, bytes } => {
                let array = self.array(bytes)?;
                self.add(array.shape, &array.kind, vec![array.bytes])
            }
            Head::Extension { bytes, .. } => self.skip(bytes),
        }
    }

    fn map(&mut self, count: u64) -> Result<(), Fault> {
        for entry in 0..count {
            let key = self.key()?;
            if entry == 0 && key == CHUNKED {
                self.value()?;
                return self.chunked(count - 1);
            }
            self.below(&key, Self::value)?;
        }
        Ok(())
    }

    /// The rest of a dictionary that stands for an array.
    fn chunked(&mut self, count: u64) -> Result<(), Fault> {
        let (mut shape, mut chunks): (Vec<usize>, Vec<Stored>) = Default::default();
        for _ in 0..count {
            let key = self.key()?;
            let Head::Map(parts) = self.head()? else {
                return Err(self.odd("is an array in chunks of an unknown form"));
            };
            for _ in 0..parts {
                // Their numbers are in order.
                self.key()?;
                match (&*key, self.head()?) {
                    (SHAPE, Head::Int(size)) if size >= 0 && shape.len() < MAX_DIMS => {
                        shape.push(size as usize);
                    }
                    (CHUNKS, Head::Extension { kind: 1, bytes }) => {
                        let chunk = self.array(bytes)?;
                        chunks.push(chunk);
                    }
                    _ => return Err(self.odd("is an array in chunks of an unknown form")),
                }
            }
        }
        let kind = chunks
            .first()
            .map(|chunk| chunk.kind.clone())
            .unwrap_or_default();
        if chunks.iter().any(|chunk| chunk.kind != kind) {
            return Err(self.odd("has chunks of two types"));
        }
        let ranges = chunks.into_iter().map(|chunk| chunk.bytes).collect();
        self.add(shape, &kind, ranges)
    }

    /// An array, of an extension of so many bytes.
    fn array(&mut self, bytes: u64) -> Result<Stored, Fault> {
        let end = self.at()?.checked_add(bytes);
        let (Head::Array(3), Head::Array(dims)) = (self.head()?, self.head()?) else {
            return Err(self.odd("is an array of an unknown form"));
        };
        if dims > MAX_DIMS as u64 {
            return Err(self.odd("has too many dimensions"));
        }
        let mut shape = Vec::with_capacity(dims as usize);
        for _ in 0..dims {
            match self.head()? {
                Head::Int(size) if size >= 0 => shape.push(size as usize),
                _ => return Err(self.odd("has a size that is none")),
            }
        }
        let (Head::Text(length) | Head::Skip(length)) = self.head()? else {
            return Err(self.odd("has no type"));
        };
        let kind = self.text(length)?;
        let (Head::Text(length) | Head::Skip(length)) = self.head()? else {
            return Err(self.odd("has no bytes"));
        };
        let start = self.at()?;
        self.skip(length)?;
        match end == Some(self.at()?) {
            true => Ok(Stored {
                shape,
                kind,
                bytes: start..start + length,
            }),
            false => Err(self.odd("has two lengths")),
        }
    }

    /// Keeps an array under the name of the place.
    fn add(&mut self, shape: Vec<usize>, kind: &str, ranges: Vec<Range<u64>>) -> Result<(), Fault> {
        self.bytes += self.name.len() as u64;
        let count = self.found.len() + self.remarks.len();
        if count >= self.limits.tensors || self.bytes > self.limits.header_bytes {
            return Err(Fault::Problem(format!(
                "its arrays or their names are beyond the limits of {} arrays and {} bytes",
                self.limits.tensors, self.limits.header_bytes
            )));
        }
        let Some(dtype) = by_name(kind) else {
            self.remarks.push(Remark::Unreadable {
                name: self.name.clone(),
                problem: format!("its type {} cannot be read", Quoted::new(kind)),
            });
            return Ok(());
        };
        let info = TensorInfo::new(&*self.name, dtype, shape)?;
        let stored: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        match stored == info.bytes() {
            true => self.found.push((info, ranges)),
            false => return Err(self.odd("has not the bytes of its shape")),
        }
        Ok(())
    }

    fn below(
        &mut self,
        key: &str,
        each: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.depth == MAX_NESTING {
            let problem = format!("its nesting is deeper than {MAX_NESTING}");
            return Err(Fault::Problem(problem));
        }
        let length = self.name.len();
        // One that is too long will be refused whatever follows.
        if length <= MAX_NAME_BYTES {
            if self.depth > 0 {
                self.name.push('/');
            }
            self.name
                .push_str(&key[..key.ceil_char_boundary(MAX_NAME_BYTES + 1)]);
        }
        self.depth += 1;
        each(self)?;
        self.depth -= 1;
        self.name.truncate(length);
        Ok(())
    }

    fn key(&mut self) -> Result<String, Fault> {
        match self.head()? {
            Head::Text(length) => self.text(length),
            Head::Int(number) => Ok(number.to_string()),
            _ => Err(self.odd("has a key that is neither a text nor an integer")),
        }
    }

    fn text(&mut self, length: u64) -> Result<String, Fault> {
        if length > self.limits.header_bytes {
            return Err(self.odd("has a text that is too long"));
        }
        let mut bytes = Vec::new();
        let read = self.from.by_ref().take(length).read_to_end(&mut bytes)?;
        if read as u64 != length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        String::from_utf8(bytes).map_err(|_| self.odd("has a text that is none"))
    }

    fn head(&mut self) -> Result<Head, Fault> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Fault::Problem(format!(
                "it has more than {MAX_VALUES} values"
            )));
        }
        let tag = self.number::<1>()? as u8;
        Ok(match tag {
            0..=0x7f => Head::Int(i64::from(tag)),
            0xe0..=0xff => Head::Int(i64::from(tag as i8)),
            0x80..=0x8f => Head::Map(u64::from(tag & 15)),
            0x90..=0x9f => Head::Array(u64::from(tag & 15)),
            0xa0..=0xbf => Head::Text(u64::from(tag & 31)),
            0xc0 | 0xc2 | 0xc3 => Head::Skip(0),
            0xc4 => Head::Skip(self.number::<1>()?),
            0xc5 => Head::Skip(self.number::<2>()?),
            0xc6 => Head::Skip(self.number::<4>()?),
            0xc7 => self.extension::<1>()?,
            0xc8 => self.extension::<2>()?,
            0xc9 => self.extension::<4>()?,
            0xca => Head::Skip(4),
            0xcb => Head::Skip(8),
            0xcc => Head::Int(self.number::<1>()? as i64),
            0xcd => Head::Int(self.number::<2>()? as i64),
            0xce => Head::Int(self.number::<4>()? as i64),
            // More than an i64 holds is no size.
            0xcf => Head::Int(i64::try_from(self.number::<8>()?).unwrap_or(-1)),
            0xd0 => Head::Int(i64::from(self.number::<1>()? as i8)),
            0xd1 => Head::Int(i64::from(self.number::<2>()? as i16)),
            0xd2 => Head::Int(i64::from(self.number::<4>()? as i32)),
            0xd3 => Head::Int(self.number::<8>()? as i64),
            0xd4..=0xd8 => {
                let kind = self.number::<1>()? as i8;
                let bytes = 1 << (tag - 0xd4);
                Head::Extension { kind, bytes }
            }
            0xd9 => Head::Text(self.number::<1>()?),
            0xda => Head::Text(self.number::<2>()?),
            0xdb => Head::Text(self.number::<4>()?),
            0xdc => Head::Array(self.number::<2>()?),
            0xdd => Head::Array(self.number::<4>()?),
            0xde => Head::Map(self.number::<2>()?),
            0xdf => Head::Map(self.number::<4>()?),
            0xc1 => return Err(self.odd("has a byte that means nothing")),
        })
    }

    fn extension<const N: usize>(&mut self) -> Result<Head, Fault> {
        let bytes = self.number::<N>()?;
        let kind = self.number::<1>()? as i8;
        Ok(Head::Extension { kind, bytes })
    }

    /// A big-endian number of `N` bytes.
    fn number<const N: usize>(&mut self) -> Result<u64, Fault> {
        let mut bytes = [0; 8];
        self.from.read_exact(&mut bytes[8 - N..])?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn at(&mut self) -> Result<u64, Fault> {
        Ok(self.from.stream_position()?)
    }

    /// Goes past bytes, which must be there.
    fn skip(&mut self, bytes: u64) -> Result<(), Fault> {
        let end = self.at()?.checked_add(bytes);
        match end.filter(|&end| end <= self.from.len()) {
            Some(end) => Ok(self.from.seek(SeekFrom::Start(end)).map(|_| ())?),
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    fn odd(&self, problem: &str) -> Fault {
        Fault::Problem(format!(
            "what lies at {} {problem}",
            Quoted::new(&self.name)
        ))
    }
}
