use std::borrow::Cow;
use std::path::{Path, PathBuf};

use semilla::DType;
use serde::Deserialize;

use crate::error::{Error, InvalidTensor, Malformed, Quoted, TensorFault};
use crate::formats::safetensors::reader::check_range;
use crate::io::json::{self, Document, DocumentSeed, Shape};
use crate::{Checkpoint, Format, Limits, Metadata, TensorInfo, Tensors};

/// A list of tensors without values: a model's shapes, enough to initialize it.
#[derive(Debug, Clone)]
pub struct Manifest {
    path: PathBuf,
    tensors: Tensors,
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Shape,
}

impl Manifest {
    /// Parses `{"tensor.name": {"dtype": "BF16", "shape": [2, 3]}, ...}`, in the order written. A
    /// dtype may have any name that [`DType`] parses. An optional `"__metadata__"` maps texts to
    /// texts. `path` is where the text comes from, for messages.
    ///
    /// # Errors
    /// Invalid JSON, a repeated name, an unknown dtype, or a shape that no file could hold.
    pub fn parse(path: &Path, json: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let Document { metadata, tensors } =
            json::parse(json, limits, DocumentSeed::<Entry<'_>>::new(limits))?;
        let mut list = Vec::with_capacity(tensors.len());
        for (name, entry) in tensors {
            list.push(describe(name, entry)?);
        }
        Ok(Self {
            path: path.to_owned(),
            tensors: Tensors::new(list)?,
            metadata,
        })
    }
}

fn describe(name: String, entry: Entry<'_>) -> Result<TensorInfo, InvalidTensor> {
    match entry.dtype.parse::<DType>() {
        Ok(dtype) => TensorInfo::new(name, dtype, entry.shape.0),
        Err(_) => Err(InvalidTensor {
            name: Quoted::new(&name),
            fault: TensorFault::DType(Quoted::new(&entry.dtype)),
        }),
    }
}

impl Checkpoint for Manifest {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Shapes
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.tensors.get(tensor).map(|_| self.path.as_path())
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let info = check_range(&self.tensors, tensor, offset, into.len())?;
        Err(Error::NoValues {
            path: self.path.clone(),
            tensor: Quoted::new(info.name()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<Manifest, Malformed> {
        Manifest::parse(
            Path::new("shapes.json"),
            json.as_bytes(),
            &Limits::default(),
        )
    }

    #[test]
    fn shapes_in_the_order_written() {
        let manifest = parse(
            r#" {"b": {"dtype": "torch.bfloat16", "shape": [2, 3]}, "__metadata__": {"k": "v"},
                 "a": {"shape": [], "dtype": "I64"}} "#,
        )
        .unwrap();
        let expected = [
            TensorInfo::new("b", DType::BF16, [2, 3]).unwrap(),
            TensorInfo::new("a", DType::I64, []).unwrap(),
        ];
        assert_eq!(manifest.tensors()[..], expected);
        assert_eq!(manifest.metadata()["k"], "v");
        let error = manifest.read(0, 0, &mut [0; 12]).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"shapes.json lists shapes only: tensor "b" has no values to read"#
        );
        assert!(matches!(
            manifest.read(0, 0, &mut [0; 13]),
            Err(Error::OutOfRange { .. })
        ));
        assert!(matches!(
            manifest.read(2, 0, &mut []),
            Err(Error::NoSuchTensor { .. })
        ));
    }

    #[test]
    fn what_is_no_manifest() {
        let tensor = r#"{"dtype":"U8","shape":[0]}"#;
        assert_eq!(
            parse(&format!(r#"{{"a":{tensor},"a":{tensor}}}"#)).unwrap_err(),
            Malformed::Duplicate(Quoted::new("a"))
        );
        for json in [
            r#"{"a":{"dtype":"F4","shape":[2]}}"#,
            r#"{"a":{"dtype":"U8","shape":[4611686018427387904,4]}}"#,
            r#"{"a\n":{"dtype":"U8","shape":[4]}}"#,
        ] {
            assert!(matches!(parse(json), Err(Malformed::Tensor(_))), "{json}");
        }
        for json in ["", "null", "[]", r#"{"a":[]}"#, r#"{"a":{"dtype":"U8"}}"#] {
            assert!(matches!(parse(json), Err(Malformed::Json(_))), "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Manifest::parse(Path::new(""), &bytes, &Limits::default());
        }
    }
}
