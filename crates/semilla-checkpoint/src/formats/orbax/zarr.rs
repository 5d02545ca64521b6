//! Arrays of Zarr: what their metadata say, and the chunks that hold their elements.

use semilla::DType;
use serde::Deserialize;
use serde_json::Value;

use super::bytes::Bytes;
use super::packing::Packing;
use crate::io::block::Block;
use crate::io::checksum::crc32c;
use crate::io::type_names::{by_code, by_extension, by_name};
use crate::quoted::Quoted;
use crate::{Limits, TensorInfo};

/// How an array lies in chunks.
pub(super) struct Array {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    /// The sizes of what a key holds, and of what in it is compressed alone.
    chunk: Vec<usize>,
    part: Vec<usize>,
    is_sharded: bool,
    packing: Packing,
    /// What keys of chunks begin with, and what joins their numbers.
    start: &'static str,
    separator: String,
    /// Whether elements that are in no chunk are zeros.
    pub(super) is_zero_elsewhere: bool,
}

#[derive(Deserialize)]
struct Version2 {
    shape: Vec<usize>,
    chunks: Vec<usize>,
    dtype: String,
    compressor: Option<Compressor>,
    fill_value: Value,
    order: String,
    filters: Option<Vec<Value>>,
    #[serde(default)]
    dimension_separator: Option<String>,
}

#[derive(Deserialize)]
struct Compressor {
    id: String,
}

#[derive(Deserialize)]
struct Version3 {
    shape: Vec<usize>,
    chunk_grid: Named,
    chunk_key_encoding: Named,
    codecs: Vec<Named>,
    data_type: String,
    fill_value: Value,
}

/// A choice with its settings.
#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    configuration: Settings,
}

#[derive(Deserialize, Default)]
struct Settings {
    chunk_shape: Option<Vec<usize>>,
    separator: Option<String>,
    endian: Option<String>,
    codecs: Option<Vec<Named>>,
    index_codecs: Option<Vec<Named>>,
    index_location: Option<String>,
}

/// The metadata's file of an array of either version.
pub(super) const METADATA: [&str; 2] = [".zarray", "zarr.json"];

impl Array {
    /// Reads the metadata of a version, which is a place in [`METADATA`].
    ///
    /// # Errors
    /// Why the array cannot be read.
    pub(super) fn parse(json: &[u8], version: usize) -> Result<Self, String> {
        let array = match version {
            0 => Self::version2(serde_json::from_slice(json).map_err(not_metadata)?),
            _ => Self::version3(serde_json::from_slice(json).map_err(not_metadata)?),
        }?;
        // Larger ones would have to be unpacked whole for the few elements that are in the array.
        let fits = |sizes: &[usize]| {
            let mut both = sizes.iter().zip(&array.shape);
            sizes.len() == array.shape.len()
                && both.all(|(size, all)| (1..=*all.max(&1)).contains(size))
        };
        let divides = |(chunk, part): (&usize, &usize)| chunk % part == 0;
        let is_even = fits(&array.chunk)
            && fits(&array.part)
            && array.chunk.iter().zip(&array.part).all(divides);
        match is_even {
            true => Ok(array),
            false => Err("its chunks do not fit its shape".to_owned()),
        }
    }

    fn version2(of: Version2) -> Result<Self, String> {
        if of.order != "C" {
            return Err("its elements are not in C's order".to_owned());
        }
        if of.filters.is_some_and(|filters| !filters.is_empty()) {
            return Err("its elements are filtered".to_owned());
        }
        let packing = match of.compressor {
            None => Packing::Plain,
            Some(compressor) => Packing::named(&compressor.id)?,
        };
        let code = of.dtype.strip_prefix(['<', '|']).unwrap_or(&of.dtype);
        let dtype = by_code(code).or_else(|| by_extension(code));
        let dtype = dtype.ok_or_else(|| unknown(&of.dtype))?;
        Ok(Self {
            dtype,
            shape: of.shape,
            part: of.chunks.clone(),
            chunk: of.chunks,
            is_sharded: false,
            packing,
            start: "",
            separator: of.dimension_separator.unwrap_or_else(|| ".".to_owned()),
            is_zero_elsewhere: is_zero(&of.fill_value),
        })
    }

    fn version3(of: Version3) -> Result<Self, String> {
        let chunk = of.chunk_grid.configuration.chunk_shape;
        let chunk = chunk.filter(|_| of.chunk_grid.name == "regular");
        let chunk = chunk.ok_or("its chunks are of several sizes")?;
        let (start, usual) = match of.chunk_key_encoding.name.as_str() {
            "default" => ("c", "/"),
            "v2" => ("", "."),
            _ => return Err("its chunks are called in an unknown way".to_owned()),
        };
        let separator = of.chunk_key_encoding.configuration.separator;
        let separator = separator.unwrap_or_else(|| usual.to_owned());
        let dtype = by_name(&of.data_type).ok_or_else(|| unknown(&of.data_type))?;
        let (part, is_sharded, codecs) = match &of.codecs[..] {
            [
                Named {
                    name,
                    configuration,
                },
            ] if name == "sharding_indexed" => {
                let part = configuration.chunk_shape.clone();
                let codecs = configuration.codecs.as_deref().unwrap_or_default();
                let of_index = configuration.index_codecs.as_deref().unwrap_or_default();
                let is_usual = of_index.iter().map(|codec| codec.name.as_str());
                let is_usual = is_usual.eq(["bytes", "crc32c"])
                    && configuration.index_location.as_deref().unwrap_or("end") == "end";
                let part = part.filter(|_| is_usual);
                (
                    part.ok_or("its shards are listed in an unknown way")?,
                    true,
                    codecs,
                )
            }
            codecs => (chunk.clone(), false, codecs),
        };
        let packing = match codecs {
            [bytes] if is_plain(bytes) => Packing::Plain,
            [bytes, packing] if is_plain(bytes) => Packing::named(&packing.name)?,
            _ => return Err("its elements are encoded in an unknown way".to_owned()),
        };
        Ok(Self {
            dtype,
            shape: of.shape,
            chunk,
            part,
            is_sharded,
            packing,
            start,
            separator,
            is_zero_elsewhere: is_zero(&of.fill_value),
        })
    }

    /// Checks that there are not too many chunks to go through.
    pub(super) fn check_chunks(&self, limits: &Limits) -> Result<(), String> {
        let parts = self.shape.iter().zip(&self.part);
        let count = parts.map(|(size, part)| size.div_ceil(*part).max(1));
        let count = count.fold(1usize, usize::saturating_mul);
        match count > limits.tensors {
            true => Err(format!(
                "it has {count} chunks, more than the limit of {}",
                limits.tensors
            )),
            false => Ok(()),
        }
    }

    /// All elements; `value` gives what is under the key of a chunk, if there is such.
    ///
    /// # Errors
    /// Those of `value`, and chunks that are missing or damaged.
    pub(super) fn decode<E: From<String>>(
        &self,
        info: &TensorInfo,
        value: impl Fn(&str) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Vec<u8>, E> {
        let mut all = vec![0; info.bytes() as usize];
        if all.is_empty() {
            return Ok(all);
        }
        for index in Indices::of(&self.shape, &self.chunk) {
            let key = self.key(&index);
            let Some(chunk) = value(&key)? else {
                self.check_absent(&key)?;
                continue;
            };
            let corner = times(&index, &self.chunk);
            if !self.is_sharded {
                self.put(&mut all, &corner, &chunk)?;
                continue;
            }
            for (inner, place) in self.listed(&chunk)? {
                let corner: Vec<usize> = corner.iter().zip(&inner).map(|(a, b)| a + b).collect();
                let is_inside = corner.iter().zip(&self.shape).all(|(at, size)| at < size);
                match place {
                    Some(bytes) if is_inside => self.put(&mut all, &corner, bytes)?,
                    None if is_inside => self.check_absent(&key)?,
                    _ => {}
                }
            }
        }
        Ok(all)
    }

    fn key(&self, index: &[usize]) -> String {
        let numbers = index.iter().map(usize::to_string);
        let parts: Vec<String> = match (self.start, self.shape.is_empty()) {
            // The only chunk of a scalar.
            ("", true) => vec!["0".to_owned()],
            ("", false) => numbers.collect(),
            (start, _) => std::iter::once(start.to_owned()).chain(numbers).collect(),
        };
        parts.join(&self.separator)
    }

    fn check_absent(&self, key: &str) -> Result<(), String> {
        match self.is_zero_elsewhere {
            true => Ok(()),
            false => Err(format!("its chunk {} is missing", Quoted::new(key))),
        }
    }

    /// The parts of a shard.
    fn listed<'s>(&self, shard: &'s [u8]) -> Result<Vec<Part<'s>>, String> {
        let odd = || "a shard contradicts itself; fetch it again".to_owned();
        let indices: Vec<Vec<usize>> = Indices::of(&self.chunk, &self.part).collect();
        let length = indices
            .len()
            .checked_mul(16)
            .and_then(|bytes| bytes.checked_add(4));
        let list = shard.len().checked_sub(length.ok_or_else(odd)?);
        let list = &shard[list.ok_or_else(odd)?..];
        let (list, sum) = list.split_at(list.len() - 4);
        if crc32c(list).to_le_bytes() != sum {
            return Err(odd());
        }
        let mut rest = Bytes(list);
        let listed = indices.into_iter().map(|index| {
            let (at, bytes) = (rest.u64().ok_or_else(odd)?, rest.u64().ok_or_else(odd)?);
            let corner = times(&index, &self.part);
            if (at, bytes) == (u64::MAX, u64::MAX) {
                return Ok((corner, None));
            }
            let range = at.checked_add(bytes).map(|end| at as usize..end as usize);
            let part = range.and_then(|range| shard.get(range)).ok_or_else(odd)?;
            Ok((corner, Some(part)))
        });
        listed.collect()
    }

    /// Puts a stored part where it belongs.
    fn put(&self, all: &mut [u8], corner: &[usize], stored: &[u8]) -> Result<(), String> {
        let odd = || "a chunk has not the bytes that its sizes need; fetch it again".to_owned();
        let size = self.dtype.size();
        let bytes = self
            .part
            .iter()
            .try_fold(size, |all, &size| all.checked_mul(size));
        let bytes = bytes.ok_or_else(odd)?;
        let unpacked;
        let part = match self.packing {
            Packing::Plain => stored,
            packing => {
                unpacked = packing.unpacked(stored, bytes as u64)?;
                &unpacked[..]
            }
        };
        if part.len() != bytes {
            return Err(odd());
        }
        // Those at the edge are stored whole.
        let inside = corner.iter().zip(&self.shape).zip(&self.part);
        let inside: Vec<usize> = inside
            .map(|((at, all), part)| (all - at).min(*part))
            .collect();
        let cut;
        let part = match inside == self.part {
            true => part,
            false => {
                cut = self.cut(part, &inside);
                &cut[..]
            }
        };
        let block = Block::new(corner, &inside, &self.shape, size).ok_or_else(odd)?;
        block
            .copy(0, all, |at, into| {
                into.copy_from_slice(&part[at as usize..][..into.len()]);
                Ok::<(), std::convert::Infallible>(())
            })
            .map(|_| ())
            .map_err(|never| match never {})
    }

    /// The first elements of a part along each axis.
    fn cut(&self, part: &[u8], inside: &[usize]) -> Vec<u8> {
        let Some((last, lead)) = inside.split_last() else {
            return part.to_vec();
        };
        let size = self.dtype.size();
        let mut cut = Vec::new();
        let ones = vec![1; lead.len()];
        for index in Indices::of(lead, &ones) {
            let row = index
                .iter()
                .zip(&self.part)
                .fold(0, |row, (at, size)| row * size + at);
            let start = row * self.part[lead.len()] * size;
            cut.extend_from_slice(&part[start..start + last * size]);
        }
        cut
    }
}

/// Where a part of a shard begins in it, and its bytes if it is there.
type Part<'s> = (Vec<usize>, Option<&'s [u8]>);

/// The numbers of all boxes of equal sizes that cover a larger one, the last axis first.
struct Indices {
    counts: Vec<usize>,
    next: Option<Vec<usize>>,
}

impl Indices {
    fn of(shape: &[usize], part: &[usize]) -> Self {
        let counts = shape
            .iter()
            .zip(part)
            .map(|(size, part)| size.div_ceil(*part));
        let counts: Vec<usize> = counts.collect();
        let next = (!counts.contains(&0)).then(|| vec![0; counts.len()]);
        Self { counts, next }
    }
}

impl Iterator for Indices {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let now = self.next.take()?;
        let mut after = now.clone();
        for (at, count) in after.iter_mut().zip(&self.counts).rev() {
            *at += 1;
            if *at < *count {
                self.next = Some(after);
                break;
            }
            *at = 0;
        }
        Some(now)
    }
}

fn times(index: &[usize], sizes: &[usize]) -> Vec<usize> {
    index
        .iter()
        .zip(sizes)
        .map(|(at, size)| at * size)
        .collect()
}

fn is_plain(codec: &Named) -> bool {
    let order = codec.configuration.endian.as_deref().unwrap_or("little");
    codec.name == "bytes" && order == "little"
}

fn is_zero(fill: &Value) -> bool {
    fill.is_null() || fill.as_f64() == Some(0.0) || fill.as_bool() == Some(false)
}

fn not_metadata(error: serde_json::Error) -> String {
    let why = Quoted::new(&error.to_string());
    format!("its metadata cannot be read: {why}")
}

fn unknown(dtype: &str) -> String {
    format!("its dtype {} cannot be read", Quoted::new(dtype))
}
