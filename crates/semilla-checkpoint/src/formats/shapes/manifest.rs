//! Parsing a list of shapes.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use semilla::model::{Facts, Fused, Source};
use semilla::{Activation, DType, Graph, Initializer, Layout, Role};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::computation::Computation;
use crate::error::Error;
use crate::io::json::{self, Document, DocumentSeed, Shape};
use crate::io::range::check_range;
use crate::malformed::Malformed;
use crate::quoted::Quoted;
use crate::tensor::{InvalidTensor, TensorFault};
use crate::{Checkpoint, Format, Limits, Metadata, TensorInfo, Tensors};

/// A list of tensors without values: a model's shapes, enough to initialize it, and what else is
/// known of them.
#[derive(Debug, Clone)]
pub struct Manifest {
    path: PathBuf,
    tensors: Tensors,
    metadata: Metadata,
    /// By the tensor's position.
    facts: Vec<Facts>,
    /// By the tensor's position.
    starts: Vec<Option<Initializer>>,
    graph: Option<Graph>,
}

/// The entry that is no tensor: the model's computation.
const GRAPH_KEY: &str = "__graph__";

/// An entry of the list, read once its name says what it is.
#[derive(Deserialize)]
#[serde(transparent)]
struct Unread<'a>(#[serde(borrow)] &'a RawValue);

impl<'a> Unread<'a> {
    fn read<T: Deserialize<'a>>(&self, name: &str) -> Result<T, Malformed> {
        serde_json::from_str(self.0.get()).map_err(|error| {
            let error = format!("{}: {error}", Quoted::new(name));
            Malformed::Json(Quoted::new(&error))
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Shape,
    role: Option<Role>,
    layout: Option<Layout>,
    activation: Option<Activation>,
    times: Option<f64>,
    #[serde(default)]
    normalized: bool,
    fused: Option<Fused>,
    padding: Option<usize>,
    #[serde(default)]
    buffer: bool,
    next: Option<String>,
    start: Option<Initializer>,
}

impl Entry<'_> {
    fn facts(&mut self) -> Facts {
        let mut facts = Facts::from(Source::Module);
        if let Some(role) = self.role {
            facts = facts.role(role);
        }
        if let Some(layout) = self.layout.take() {
            facts = facts.layout(layout);
        }
        if let Some(activation) = self.activation {
            facts = facts.activation(activation);
        }
        if let Some(factor) = self.times {
            facts = facts.times(factor);
        }
        if self.normalized {
            facts = facts.normalized();
        }
        if let Some(fused) = self.fused.take() {
            facts = facts.fused(fused);
        }
        if let Some(row) = self.padding {
            facts = facts.padding(row);
        }
        if self.buffer {
            facts = facts.buffer();
        }
        if let Some(next) = self.next.take() {
            facts = facts.next(next);
        }
        facts
    }
}

impl Manifest {
    /// Parses `{"tensor.name": {"dtype": "BF16", "shape": [2, 3]}, ...}`, in the order written. A
    /// dtype may have any name that [`DType`] parses. An optional `"__metadata__"` maps texts to
    /// texts. `path` is where the text comes from, for messages.
    ///
    /// A tensor may say more of itself, as a live model knows it: `role` (`"conv"`), `layout`
    /// (`"OIHW/32"`), the `activation` that its output goes through (`"relu"`), whether a
    /// normalization comes between (`normalized`), what it is multiplied by before (`times`), the
    /// weights that it holds (`fused`), the weight that takes its output (`next`), the row of a
    /// table that is zero (`padding`), whether it is stored but not trained (`buffer`), and the initial
    /// values that its own library gives it (`start`, an initializer as recipes write it).
    ///
    /// Under `"__graph__"` the model may say what it computes: `{"nodes": [{"op": "Gemm", "inputs":
    /// ["x", "fc.weight", "fc.bias"], "outputs": ["h"]}, {"activation": "relu", "inputs": ["h"],
    /// "outputs": ["y"]}]}`, with ONNX's operators, and constants in `numbers` by the names of their
    /// values.
    ///
    /// # Errors
    /// Invalid JSON, a repeated name, an unknown dtype, or a shape that no file could hold.
    pub fn parse(path: &Path, json: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let Document { metadata, tensors } =
            json::parse(json, limits, DocumentSeed::<Unread<'_>>::new(limits))?;
        let mut list = Vec::with_capacity(tensors.len());
        let mut facts = Vec::with_capacity(tensors.len());
        let mut starts = Vec::with_capacity(tensors.len());
        let mut computation = None;
        for (name, unread) in tensors {
            if name == GRAPH_KEY {
                computation = Some(unread.read::<Computation>(&name)?);
                continue;
            }
            let mut entry: Entry<'_> = unread.read(&name)?;
            facts.push(entry.facts());
            starts.push(entry.start.take());
            list.push(describe(name, entry)?);
        }
        let tensors = Tensors::new(list)?;
        Ok(Self {
            path: path.to_owned(),
            graph: computation.map(|computation| computation.graph(&tensors)),
            tensors,
            metadata,
            facts,
            starts,
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

    fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    fn facts(&self, tensor: usize) -> Option<&Facts> {
        self.facts.get(tensor)
    }

    fn start(&self, tensor: usize) -> Option<&Initializer> {
        self.starts.get(tensor)?.as_ref()
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
