//! A model whose weights are read on demand.

use std::fs::File;
use std::path::{Path, PathBuf};

use semilla::graph::Takers;
use semilla::{Graph, Layout};

use super::dtype::dtype;
use super::files::{Files, Place};
use super::model::Model;
use super::naming::{check_unique, names};
use super::stored::{Stored, Typed};
use super::weights::Weights;
use crate::io::decoded::Decoded;
use crate::io::file::open_file;
use crate::io::position::read_at;
use crate::io::range::check_range;
use crate::io::window::{Fault, Window};
use crate::{Checkpoint, Error, Format, Limits, Metadata, Quoted, Remark, TensorInfo, Tensors};

/// The weights of an ONNX model: its initializers and constants, those of branches, loops and
/// functions too; and its graph.
///
/// Opening reads only the structure of the file; values are read in place, from the file or from
/// those beside it (external data), so there is no limit of 2 GiB.
///
/// **Which tensors are weights.** Floats, but for single ones with a made-up name: those are
/// numbers of a formula. Integers and booleans of more than 16 elements: shapes, axes and paddings
/// have fewer. What is left out is counted in [`Checkpoint::remarks`]; the graph has it.
///
/// **Names.** A tensor keeps its name. If the exporter made that up (`onnx::MatMul_636`,
/// `Const_24:0`, a number), the first node that takes the tensor names it: the path in the node's
/// name, or in its output's, then what the node takes it for, such as
/// `encoder.layer.0.query.weight`. Names that occur in several branches begin with the path of
/// their graph.
///
/// **Layouts** are those of the nodes that take a tensor: its name and its shape do not matter.
///
/// **The graph** has every node, with all inputs, outputs and attributes; initializers have the
/// name under which the checkpoint lists them, and tensors of at most 16 elements their values.
/// `Constant` nodes are initializers there. Long notes of exporters, long lists and large tensors
/// among attributes, and types that are not tensors are left out.
pub struct Onnx {
    file: File,
    /// The model's own file, then those with external data, which are opened when they are read.
    paths: Vec<PathBuf>,
    tensors: Tensors,
    places: Vec<Place>,
    layouts: Vec<Option<Layout>>,
    graph: Graph,
    metadata: Metadata,
    remarks: Vec<Remark>,
    decoded: Decoded,
}

impl Onnx {
    /// Opens a model. The tensors come in the order of the file, those of nested graphs after those
    /// around them.
    ///
    /// # Errors
    /// The file or one with external data cannot be read, is damaged or beyond the limits.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        let mut window = Window::new(&file, bytes);
        let mut model =
            Model::read(&mut window, limits).map_err(Fault::in_file(path, Format::Onnx))?;
        let mut files = Files::new(path, bytes);
        let weights = Weights::choose(&model).map_err(Fault::in_file(path, Format::Onnx))?;
        check_unique(&model).map_err(Fault::in_file(path, Format::Onnx))?;
        let takers = Takers::of(&model.graph);
        let names =
            names(&model, &takers, &weights, limits).map_err(Fault::in_file(path, Format::Onnx))?;
        let mut list = Vec::with_capacity(names.len());
        let mut places = Vec::with_capacity(names.len());
        let mut layouts = Vec::with_capacity(names.len());
        for (&(body, index), name) in weights.list.iter().zip(names) {
            let Some(tensor) = &model.stored[body][index] else {
                continue;
            };
            let info = describe(&name.text, tensor).map_err(Fault::in_file(path, Format::Onnx))?;
            places.push(files.place(tensor, &info, limits)?);
            layouts.push(takers.layout(&model.graph, body, index));
            list.push(info);
            let initializer = &mut model.graph.bodies_mut()[body].initializers[index];
            initializer.tensor = Some(name.text);
            initializer.is_unnamed = !name.is_own;
        }
        let tensors = Tensors::new(list).map_err(Error::malformed(path))?;
        files.check_expansion(&tensors, limits)?;
        add_literals(&mut model, &mut files, limits);
        Ok(Self {
            paths: files.paths,
            tensors,
            places,
            layouts,
            graph: model.graph,
            metadata: model.properties.into_iter().collect(),
            remarks: weights.left_out,
            decoded: Decoded::default(),
            file,
        })
    }

    /// The model's computation.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The values of a tensor that are stored as numbers, as the bytes of its type.
    fn decode(&self, info: &TensorInfo, typed: &Typed) -> Result<Vec<u8>, Error> {
        let len = match self.file.metadata() {
            Ok(metadata) => metadata.len(),
            Err(cause) => return Err(Error::io("read", &self.paths[0])(cause)),
        };
        let mut window = Window::new(&self.file, len);
        let bytes = typed.bytes(&mut window, info.dtype());
        bytes.map_err(Fault::in_file(&self.paths[0], Format::Onnx))
    }
}

fn describe(name: &str, tensor: &Stored) -> Result<TensorInfo, Fault> {
    let dtype = dtype(tensor.data_type).map_err(Fault::new)?;
    let shape: Result<Vec<usize>, _> = tensor.dims.iter().map(|&dim| dim.try_into()).collect();
    match shape {
        Ok(shape) => Ok(TensorInfo::new(name, dtype, shape)?),
        Err(_) => Err(Fault::new(format!(
            "tensor {} is too large",
            Quoted::new(name)
        ))),
    }
}

/// Gives the graph the values of short tensors in files beside the model's.
fn add_literals(model: &mut Model, files: &mut Files, limits: &Limits) {
    for (body, tensors) in model.graph.bodies_mut().iter_mut().zip(&model.stored) {
        for (initializer, tensor) in body.initializers.iter_mut().zip(tensors) {
            if let Some(tensor) = tensor {
                let beside = || files.literal(&initializer.name, tensor, limits);
                initializer.literal = initializer.literal.take().or_else(beside);
            }
        }
    }
}

impl Checkpoint for Onnx {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn format(&self) -> Format {
        Format::Onnx
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        self.layouts.get(tensor)?.as_ref()
    }

    fn graph(&self) -> Option<&Graph> {
        Some(&self.graph)
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        Some(match self.places.get(tensor)? {
            Place::Raw { file, .. } => &self.paths[*file],
            Place::Typed(_) => &self.paths[0],
        })
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let info = check_range(&self.tensors, tensor, offset, into.len())?;
        match &self.places[tensor] {
            Place::Raw { file: 0, start } => {
                read_at(&self.file, into, start + offset).map_err(Error::io("read", &self.paths[0]))
            }
            Place::Raw { file, start } => {
                let path = &self.paths[*file];
                let (file, _) = open_file(path)?;
                read_at(&file, into, start + offset).map_err(Error::io("read", path))
            }
            Place::Typed(typed) => self
                .decoded
                .read(tensor, offset, into, || self.decode(info, typed)),
        }
    }
}
