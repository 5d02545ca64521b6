//! The header of a safetensors file: 8 bytes of length, little-endian, then JSON, then the data.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Read};

use semilla::DType;
use serde::Deserialize;

use crate::io::json::{self, Document, DocumentSeed, Shape};
use crate::malformed::Malformed;
use crate::quoted::Quoted;
use crate::tensor::{InvalidTensor, TensorFault};
use crate::{Limits, Metadata, Remark, TensorInfo, Tensors};

/// Bytes of the length field.
pub(super) const LENGTH_BYTES: u64 = 8;

/// The content of a safetensors header, checked: names are unique, and the tensors' data
/// follow each other to the end of the file without overlaps or holes.
///
/// Source: the format's description and its reference implementation, safetensors 0.8. Stricter
/// than that one: repeated keys, control characters in names, and sizes that overflow when zeros
/// among the dimensions are left aside are refused. Tensors of types that have no reader here are
/// left out, with a remark.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Header {
    /// The free text beside the tensors.
    pub metadata: Metadata,
    /// The tensors, in the order of their data.
    pub tensors: Tensors,
    /// Where each tensor's data start, in bytes from the file's start.
    pub starts: Vec<u64>,
    /// The tensors that cannot be read.
    pub remarks: Vec<Remark>,
}

/// Types of the format that are not read, and the bits of their elements.
const FOREIGN: [(&str, u64); 6] = [
    ("F4", 4),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("C64", 64),
];

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Shape,
    data_offsets: (u64, u64),
}

impl Header {
    /// Reads the header from the start of a file of `file_bytes` bytes.
    ///
    /// # Errors
    /// The outer error is the reader's, the inner one says what is wrong with the header. Nothing
    /// is allocated for a header that is longer than the file or the limit.
    pub fn read(
        mut file: impl Read,
        file_bytes: u64,
        limits: &Limits,
    ) -> io::Result<Result<Self, Malformed>> {
        let truncated = |needed| {
            Ok(Err(Malformed::HeaderTruncated {
                needed,
                file: file_bytes,
            }))
        };
        if file_bytes < LENGTH_BYTES {
            return truncated(LENGTH_BYTES);
        }
        let mut length = [0; LENGTH_BYTES as usize];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > limits.header_bytes {
            return Ok(Err(Malformed::TooLong {
                bytes: length,
                limit: limits.header_bytes,
            }));
        }
        if length > file_bytes - LENGTH_BYTES {
            return truncated(LENGTH_BYTES + length);
        }
        let mut json = vec![0; length as usize];
        file.read_exact(&mut json)?;
        Ok(Self::parse(
            &json,
            file_bytes - LENGTH_BYTES - length,
            limits,
        ))
    }

    /// Checks the header's JSON against the length of the data that follow it.
    ///
    /// # Errors
    /// The header contradicts itself, the data's length or the limits.
    pub fn parse(json: &[u8], data_bytes: u64, limits: &Limits) -> Result<Self, Malformed> {
        if json.first() != Some(&b'{') {
            return Err(Malformed::Json(Quoted::new("a header starts with {")));
        }
        let Document { metadata, tensors } =
            json::parse(json, limits, DocumentSeed::<Entry<'_>>::new(limits))?;
        let placed = tensors.into_iter().map(|(name, entry)| place(name, entry));
        let mut placed = placed.collect::<Result<Vec<_>, _>>()?;
        placed.sort_unstable_by(|a, b| {
            (a.start, a.bytes, a.name()).cmp(&(b.start, b.bytes, b.name()))
        });
        let cover = check_cover(&placed, data_bytes);
        let data_start = LENGTH_BYTES + json.len() as u64;
        let (mut tensors, mut foreign) = (Vec::with_capacity(placed.len()), Vec::new());
        let mut starts = Vec::with_capacity(placed.len());
        for place in placed {
            match place.content {
                Content::Tensor(tensor) => {
                    tensors.push(tensor);
                    starts.push(data_start + place.start);
                }
                Content::Foreign(name, fault) => foreign.push((name, fault)),
            }
        }
        let tensors = Tensors::new(tensors)?;
        let mut names = HashSet::new();
        let mut is_new = |name| names.insert(name) && tensors.index_of(name).is_none();
        if let Some((twice, _)) = foreign.iter().find(|(name, _)| !is_new(name)) {
            return Err(Malformed::Duplicate(Quoted::new(twice)));
        }
        cover?;
        if let (true, Some((name, fault))) = (tensors.is_empty(), foreign.first()) {
            return Err(invalid(name, fault.clone()).into());
        }
        let remark = |(name, fault): (String, TensorFault)| Remark::Unreadable {
            name,
            problem: fault.to_string(),
        };
        Ok(Self {
            metadata,
            tensors,
            starts,
            remarks: foreign.into_iter().map(remark).collect(),
        })
    }
}

/// The content that one entry describes, and the place of its data.
struct Place {
    start: u64,
    bytes: u64,
    content: Content,
}

enum Content {
    Tensor(TensorInfo),
    /// The name of a tensor of a type that is not read.
    Foreign(String, TensorFault),
}

impl Place {
    fn name(&self) -> &str {
        match &self.content {
            Content::Tensor(tensor) => tensor.name(),
            Content::Foreign(name, _) => name,
        }
    }
}

/// Checks what one entry says on its own.
fn place(name: String, entry: Entry<'_>) -> Result<Place, InvalidTensor> {
    let (start, end) = entry.data_offsets;
    let mut known = DType::ALL.into_iter();
    let known = known.find(|dtype| dtype.name() == entry.dtype);
    let (bytes, content) = match known {
        Some(dtype) => {
            let tensor = TensorInfo::new(name, dtype, entry.shape.0)?;
            (tensor.bytes(), Content::Tensor(tensor))
        }
        None => {
            let fault = TensorFault::DType(Quoted::new(&entry.dtype));
            match foreign_bytes(&name, &entry) {
                Some(bytes) => (bytes, Content::Foreign(name, fault)),
                None => return Err(invalid(&name, fault)),
            }
        }
    };
    let place = Place {
        start,
        bytes,
        content,
    };
    let needed = bytes;
    match end.checked_sub(start) == Some(needed) {
        true => Ok(place),
        false => {
            let fault = TensorFault::Length { start, end, needed };
            Err(invalid(place.name(), fault))
        }
    }
}

/// The bytes of a tensor whose type is not read; `None` if they are not known.
fn foreign_bytes(name: &str, entry: &Entry<'_>) -> Option<u64> {
    let (_, bits) = FOREIGN
        .into_iter()
        .find(|(dtype, _)| *dtype == entry.dtype)?;
    // Of the largest elements that are read: the product cannot overflow.
    let tensor = TensorInfo::new(name, DType::F64, &*entry.shape.0).ok()?;
    let bits = tensor.elements().checked_mul(bits)?;
    (bits % 8 == 0).then_some(bits / 8)
}

fn invalid(name: &str, fault: TensorFault) -> InvalidTensor {
    InvalidTensor {
        name: Quoted::new(name),
        fault,
    }
}

/// Checks that the tensors, in ascending order, cover the data exactly.
fn check_cover(places: &[Place], data: u64) -> Result<(), Malformed> {
    let mut expected: u64 = 0;
    for place in places {
        let start = place.start;
        if start != expected {
            return Err(invalid(place.name(), TensorFault::Placement { start, expected }).into());
        }
        // The start is the previous end, and no range overflowed.
        expected = expected
            .checked_add(place.bytes)
            .ok_or(Malformed::TotalTooLarge)?;
    }
    if expected > data {
        return Err(Malformed::DataTruncated {
            needed: expected,
            data,
        });
    }
    if expected < data {
        return Err(Malformed::Trailing {
            extra: data - expected,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str, data: u64) -> Result<Header, Malformed> {
        Header::parse(json.as_bytes(), data, &Limits::default())
    }

    fn fault(json: &str, data: u64) -> TensorFault {
        match parse(json, data) {
            Err(Malformed::Tensor(invalid)) => invalid.fault,
            other => panic!("{other:?}"),
        }
    }

    fn message(json: &str) -> String {
        parse(json, 0).unwrap_err().to_string()
    }

    #[test]
    fn tensors_come_in_the_order_of_their_data() {
        let header = parse(
            r#"{"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"__metadata__":{"k":"v"},
                "a":{"dtype":"I8","shape":[],"data_offsets":[0,1]},
                "z":{"dtype":"F64","shape":[0,7],"data_offsets":[1,1]}}  "#,
            3,
        )
        .unwrap();
        let names: Vec<_> = header.tensors.iter().map(TensorInfo::name).collect();
        assert_eq!(names, ["a", "z", "b"]);
        let data = header.starts[0];
        assert_eq!(header.starts, [data, data + 1, data + 1]);
        assert_eq!(header.metadata["k"], "v");
    }

    #[test]
    fn ranges_must_cover_the_data_exactly() {
        let two = |a: &str, b: &str| {
            format!(
                r#"{{"a":{{"dtype":"U8","shape":[4],"data_offsets":{a}}},"b":{{"dtype":"U8","shape":[4],"data_offsets":{b}}}}}"#
            )
        };
        assert!(parse(&two("[4,8]", "[0,4]"), 8).is_ok());
        let placement = |start, expected| TensorFault::Placement { start, expected };
        assert_eq!(fault(&two("[0,4]", "[2,6]"), 8), placement(2, 4));
        assert_eq!(fault(&two("[0,4]", "[0,4]"), 4), placement(0, 4));
        assert_eq!(fault(&two("[0,4]", "[5,9]"), 9), placement(5, 4));
        assert_eq!(fault(&two("[1,5]", "[5,9]"), 9), placement(1, 0));
        let length = |start, end| TensorFault::Length {
            start,
            end,
            needed: 4,
        };
        assert_eq!(fault(&two("[0,4]", "[4,9]"), 9), length(4, 9));
        assert_eq!(fault(&two("[4,0]", "[4,8]"), 8), length(4, 0));
        assert_eq!(
            fault(&two("[0,4]", "[4,18446744073709551615]"), 8),
            length(4, u64::MAX)
        );
        assert_eq!(
            parse(&two("[0,4]", "[4,8]"), 7).unwrap_err(),
            Malformed::DataTruncated { needed: 8, data: 7 }
        );
        assert_eq!(
            parse(&two("[0,4]", "[4,8]"), 9).unwrap_err(),
            Malformed::Trailing { extra: 1 }
        );
        assert_eq!(
            parse("{}", 1).unwrap_err(),
            Malformed::Trailing { extra: 1 }
        );
    }

    #[test]
    fn repeated_keys_are_refused_at_every_level() {
        let tensor = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        assert_eq!(
            parse(&format!(r#"{{"a":{tensor},"\u0061":{tensor}}}"#), 0).unwrap_err(),
            Malformed::Duplicate(Quoted::new("a"))
        );
        for json in [
            r#"{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}"#,
            r#"{"__metadata__":{},"__metadata__":{}}"#,
        ] {
            assert!(
                message(json).contains("duplicate field"),
                "{}",
                message(json)
            );
        }
        assert!(message(r#"{"__metadata__":{"k":"1","k":"2"}}"#).contains("occurs twice"));
    }

    #[test]
    fn what_is_no_header() {
        for json in [
            "",
            " {}",
            "[]",
            "{",
            "{}x",
            "{\"a\":1}",
            r#"{"a":{"dtype":"U8","shape":[0]}}"#,
            r#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}"#,
            r#"{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}"#,
            r#"{"__metadata__":{"k":1}}"#,
        ] {
            assert!(matches!(parse(json, 0), Err(Malformed::Json(_))), "{json}");
        }
        let shape = format!("[{}1]", "1,".repeat(64));
        let json = format!(r#"{{"a":{{"dtype":"U8","shape":{shape},"data_offsets":[0,1]}}}}"#);
        assert!(message(&json).contains("more than 64 dimensions"));
        assert!(matches!(
            fault(
                r#"{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}"#,
                2
            ),
            TensorFault::DType(_)
        ));
        assert_eq!(
            fault(
                r#"{"a\u0000b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#,
                0
            ),
            TensorFault::ControlCharacter
        );
    }

    #[test]
    fn what_the_reference_reads_too() {
        let tensor = r#""w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]"#;
        for json in [
            format!(r#"{{{tensor},"strides":[1]}}}}"#),
            format!(r#"{{"__metadata__":null,{tensor}}}}}"#),
        ] {
            let header = parse(&json, 1).unwrap();
            assert_eq!((header.tensors[0].name(), header.metadata.len()), ("w", 0));
        }
    }

    #[test]
    fn types_without_a_reader_are_left_out() {
        let json = |dtype: &str, bytes: u64| {
            let end = 1 + bytes;
            format!(
                r#"{{"w":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}},"odd":{{"dtype":"{dtype}","shape":[2,2],"data_offsets":[1,{end}]}}}}"#
            )
        };
        for (dtype, bytes) in [("F4", 2), ("F6_E2M3", 3), ("C64", 32)] {
            let header = parse(&json(dtype, bytes), 1 + bytes).unwrap();
            assert_eq!((header.tensors.len(), header.starts.len()), (1, 1));
            let [remark] = &header.remarks[..] else {
                panic!("{:?}", header.remarks);
            };
            assert_eq!(remark.unreadable(), Some("odd"));
            assert!(remark.to_string().contains(dtype), "{remark}");
            assert!(matches!(
                fault(&json(dtype, bytes + 1), 2 + bytes),
                TensorFault::Length { .. }
            ));
        }
        // Of a type that no one knows not even the length can be checked.
        assert!(matches!(fault(&json("F3", 2), 3), TensorFault::DType(_)));
    }

    #[test]
    fn lengths_are_checked_before_memory_is_taken() {
        let read = |length: u64, file_bytes| {
            Header::read(&length.to_le_bytes()[..], file_bytes, &Limits::default()).unwrap()
        };
        assert!(matches!(
            read(u64::MAX, u64::MAX),
            Err(Malformed::TooLong { .. })
        ));
        assert_eq!(
            read(1 << 20, 100).unwrap_err(),
            Malformed::HeaderTruncated {
                needed: 8 + (1 << 20),
                file: 100
            }
        );
        assert!(matches!(
            read(0, 7),
            Err(Malformed::HeaderTruncated { needed: 8, file: 7 })
        ));
        let limits = Limits {
            tensors: 1,
            ..Limits::default()
        };
        let tensor = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        let json = format!(r#"{{"a":{tensor},"b":{tensor}}}"#);
        let error = Header::parse(json.as_bytes(), 0, &limits).unwrap_err();
        assert!(error.to_string().contains("the limit of 1"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Header::read(&bytes[..], bytes.len() as u64, &Limits::default());
            let _ = Header::parse(&bytes, 10, &Limits::default());
        }

        /// All that we accept, the reference implementation accepts, with the same content; all
        /// that it refuses, we refuse.
        #[test]
        fn we_are_stricter_than_the_reference((json, data) in almost_a_header()) {
            let mut file = (json.len() as u64).to_le_bytes().to_vec();
            file.extend(json.as_bytes());
            file.resize(file.len() + data as usize, 7);
            let ours = Header::read(&file[..], file.len() as u64, &Limits::default()).unwrap();
            if let Ok(header) = ours {
                let theirs = safetensors::SafeTensors::deserialize(&file).unwrap();
                prop_assert_eq!(theirs.len(), header.tensors.len() + header.remarks.len());
                for (tensor, &start) in header.tensors.iter().zip(&header.starts) {
                    let view = theirs.tensor(tensor.name()).unwrap();
                    prop_assert_eq!(view.shape(), tensor.shape());
                    prop_assert_eq!(view.dtype().to_string(), tensor.dtype().name());
                    let start = start as usize;
                    prop_assert_eq!(view.data(), &file[start..start + tensor.bytes() as usize]);
                }
            }
        }
    }

    /// Up to three tensors one after another, in any order, of which half have a flaw.
    fn almost_a_header() -> impl Strategy<Value = (String, u64)> {
        let dtype = prop::sample::select(vec!["U8", "F16", "BOOL", "U8", "F16", "BOOL", "F4"]);
        let flaw = prop::sample::select(vec![0, 0, 0, 0, 0, 1]);
        let entry = ("[ab]{1,2}", dtype, 0u64..4, flaw.clone(), flaw.clone());
        (prop::collection::vec(entry, 0..4), flaw, any::<bool>()).prop_map(
            |(entries, surplus, reversed)| {
                let mut end = 0;
                let mut texts = Vec::new();
                for (name, dtype, dim, skip, skew) in entries {
                    let start = end + skip;
                    end = start + dim * if dtype == "F16" { 2 } else { 1 } + skew;
                    texts.push(format!(
                        r#""{name}":{{"dtype":"{dtype}","shape":[{dim}],"data_offsets":[{start},{end}]}}"#
                    ));
                }
                if reversed {
                    texts.reverse();
                }
                (format!("{{{}}}", texts.join(",")), end + surplus)
            },
        )
    }
}
