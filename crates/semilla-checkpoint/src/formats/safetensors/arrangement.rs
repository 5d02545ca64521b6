//! The arrangement of a file to be written: its header, and where the data of each tensor go.

use semilla::DType;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::header::LENGTH_BYTES;
use crate::checkpoint::Metadata;
use crate::tensor::{METADATA_KEY, TensorInfo};

/// The longest header that the reference implementation reads.
pub(crate) const MAX_WRITTEN: usize = 100_000_000;

/// A file to be written: the bytes before the data, and where the data of each tensor go.
pub(crate) struct Arrangement {
    /// Length field and JSON, padded so that the data start at a multiple of 8 bytes.
    pub(crate) head: Vec<u8>,
    /// Where each tensor's data start, in bytes from the file's start; in the caller's order.
    pub(crate) starts: Vec<u64>,
    /// The file's length.
    pub(crate) file_bytes: u64,
}

impl Arrangement {
    /// Lays tensors out as the reference implementation does, by descending element type and then
    /// by name, so that every tensor is aligned and the file is the one that it would write.
    pub(crate) fn new(tensors: &[&TensorInfo], metadata: &Metadata) -> Self {
        let mut order: Vec<usize> = (0..tensors.len()).collect();
        order.sort_unstable_by_key(|&tensor| {
            (rank(tensors[tensor].dtype()), tensors[tensor].name())
        });
        let mut starts = vec![0; tensors.len()];
        let mut data_bytes = 0;
        for &tensor in &order {
            starts[tensor] = data_bytes;
            data_bytes += tensors[tensor].bytes();
        }
        let head = head(&Described {
            metadata,
            tensors,
            order: &order,
            starts: &starts,
        });
        let data_start = head.len() as u64;
        starts.iter_mut().for_each(|start| *start += data_start);
        Self {
            file_bytes: data_start + data_bytes,
            head,
            starts,
        }
    }
}

/// The reference implementation's order of element types, widest first.
fn rank(dtype: DType) -> usize {
    const ORDER: [DType; 16] = [
        DType::U64,
        DType::I64,
        DType::F64,
        DType::F32,
        DType::U32,
        DType::I32,
        DType::BF16,
        DType::F16,
        DType::U16,
        DType::I16,
        DType::F8E8M0,
        DType::F8E4M3,
        DType::F8E5M2,
        DType::I8,
        DType::U8,
        DType::Bool,
    ];
    ORDER
        .iter()
        .position(|&ranked| ranked == dtype)
        .unwrap_or(ORDER.len())
}

fn head(described: &Described<'_>) -> Vec<u8> {
    let mut head = vec![0; LENGTH_BYTES as usize];
    serde_json::to_writer(&mut head, described).expect("texts and integers are valid JSON");
    head.resize(head.len().next_multiple_of(8), b' ');
    let length = head.len() as u64 - LENGTH_BYTES;
    head[..LENGTH_BYTES as usize].copy_from_slice(&length.to_le_bytes());
    head
}

/// The header's JSON.
struct Described<'a> {
    metadata: &'a Metadata,
    tensors: &'a [&'a TensorInfo],
    order: &'a [usize],
    /// From the start of the data.
    starts: &'a [u64],
}

#[derive(Serialize)]
struct DescribedTensor<'a> {
    dtype: DType,
    shape: &'a [usize],
    data_offsets: (u64, u64),
}

impl Serialize for Described<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.order.len() + 1))?;
        map.serialize_entry(METADATA_KEY, self.metadata)?;
        for &position in self.order {
            let (tensor, start) = (self.tensors[position], self.starts[position]);
            map.serialize_entry(
                tensor.name(),
                &DescribedTensor {
                    dtype: tensor.dtype(),
                    shape: tensor.shape(),
                    data_offsets: (start, start + tensor.bytes()),
                },
            )?;
        }
        map.end()
    }
}
