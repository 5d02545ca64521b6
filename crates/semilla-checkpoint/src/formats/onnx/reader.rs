use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use semilla::{DType, Layout};

use super::graph::{Data, External, Model, Tensor, Typed};
use super::role::{is_made_up, names, roles};
use crate::io::decoded::Decoded;
use crate::io::file::{is_plain, open_file};
use crate::io::position::read_at;
use crate::io::range::check_range;
use crate::io::window::{Fault, Window};
use crate::{Checkpoint, Error, Format, Limits, Metadata, Quoted, Remark, TensorInfo, Tensors};

/// The weights of an ONNX model: its initializers and constants, those of branches, loops and functions too.
///
/// Of the file only the structure is read when it is opened; values are read where they lie, in the file or in those
/// beside it (external data), so there is no limit of 2 GiB.
///
/// **Which tensors are weights.** Floats, but for single ones with a made-up name: those are numbers of a formula.
/// Integers and booleans of more than 16 elements: shapes, axes and paddings have fewer.
/// What is left out is counted in [`Checkpoint::remarks`].
///
/// **Names.** A tensor keeps its name. If the exporter made that up (`onnx::MatMul_636`, `Const_24:0`, a number), the
/// first node that takes the tensor names it: the path in the node's name, or in its output's, then what the node
/// takes it for, such as `encoder.layer.0.query.weight`. Names that occur in several branches begin with the path of
/// their graph.
///
/// **Layouts** are those of the nodes that take a tensor: its name and its shape do not matter.
pub struct Onnx {
    file: File,
    /// The model's own file, then those with external data, which are opened when they are read.
    paths: Vec<PathBuf>,
    tensors: Tensors,
    places: Vec<Place>,
    layouts: Vec<Option<Layout>>,
    metadata: Metadata,
    remarks: Vec<Remark>,
    decoded: Decoded,
}

/// Where the values of a tensor are.
enum Place {
    /// As they are read, in a file, from a byte on.
    Raw { file: usize, start: u64 },
    /// As numbers of the model's file.
    Typed(Typed),
}

/// Numbers of formulas, shapes and axes have at most as many elements.
const MAX_SHAPE: u64 = 16;

impl Onnx {
    /// Opens a model. The tensors come in the order of the file, those of nested graphs after those around them.
    ///
    /// # Errors
    /// The file or one with external data cannot be read, is damaged or beyond the limits.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let (file, bytes) = open_file(path)?;
        let mut window = Window::new(&file, bytes);
        let model = Model::read(&mut window, limits).map_err(Fault::in_file(path, Format::Onnx))?;
        let mut files = Files::new(path, bytes);
        let weights = Weights::choose(&model).map_err(Fault::in_file(path, Format::Onnx))?;
        let roles = roles(&model).map_err(Fault::in_file(path, Format::Onnx))?;
        let names = names(&model, &roles, &weights.list, limits)
            .map_err(Fault::in_file(path, Format::Onnx))?;
        let mut list = Vec::with_capacity(names.len());
        let mut places = Vec::with_capacity(names.len());
        let mut layouts = Vec::with_capacity(names.len());
        for (&(graph, index), name) in weights.list.iter().zip(names) {
            let tensor = &model.graphs[graph].tensors[index];
            let info = describe(name, tensor).map_err(Fault::in_file(path, Format::Onnx))?;
            places.push(files.place(tensor, &info, limits)?);
            layouts.push(roles[graph][index].layout.clone());
            list.push(info);
        }
        let tensors = Tensors::new(list).map_err(Error::malformed(path))?;
        files.check_expansion(&tensors, limits)?;
        Ok(Self {
            paths: files.paths,
            tensors,
            places,
            layouts,
            metadata: model.properties.into_iter().collect(),
            remarks: weights.left_out,
            decoded: Decoded::default(),
            file,
        })
    }

    /// The values of a tensor that are stored as numbers, as the bytes of its type.
    fn decode(&self, info: &TensorInfo, typed: &Typed) -> Result<Vec<u8>, Error> {
        let fault = Fault::in_file(&self.paths[0], Format::Onnx);
        let len = match self.file.metadata() {
            Ok(metadata) => metadata.len(),
            Err(cause) => return Err(Error::io("read", &self.paths[0])(cause)),
        };
        let size = info.dtype().size();
        let needed = info.bytes() as usize;
        let mut bytes = Vec::with_capacity(needed);
        let walked = typed.each(&mut Window::new(&self.file, len), |number| {
            let number = match info.dtype() {
                DType::Bool => u64::from(number != 0),
                _ => number,
            };
            if bytes.len() < needed {
                bytes.extend_from_slice(&number.to_le_bytes()[..size]);
            }
        });
        walked
            .and_then(|()| match bytes.len() == needed {
                true => Ok(bytes),
                false => Err(Fault::new("it was changed while it was open")),
            })
            .map_err(fault)
    }
}

/// The tensors of a model that are its weights: the graph, and the tensor in it.
struct Weights {
    list: Vec<(usize, usize)>,
    left_out: Vec<Remark>,
}

impl Weights {
    fn choose(model: &Model) -> Result<Self, Fault> {
        let mut list = Vec::new();
        let (mut numbers, mut shapes, mut texts) = (model.singles, 0, 0);
        for (graph_index, graph) in model.graphs.iter().enumerate() {
            for (index, tensor) in graph.tensors.iter().enumerate() {
                let elements = tensor.dims.iter().fold(1, |a: u64, &b| a.saturating_mul(b));
                let made_up = is_made_up(&tensor.name) && is_made_up(&tensor.output);
                match dtype(tensor.data_type) {
                    Ok(dtype) if dtype.is_float() => match elements {
                        1 if made_up => numbers += 1,
                        _ => list.push((graph_index, index)),
                    },
                    Ok(_) if elements <= MAX_SHAPE => shapes += 1,
                    Ok(_) => list.push((graph_index, index)),
                    Err("STRING") => texts += 1,
                    Err(unsupported) => {
                        let name = Quoted::new(&tensor.output);
                        return Err(Fault::new(format!(
                            "tensor {name} is of type {unsupported}, which is not supported; \
                             convert the model to floats"
                        )));
                    }
                }
            }
        }
        let left_out = [
            (numbers, "single numbers of formulas"),
            (shapes, "short lists of integers (shapes, axes, indices)"),
            (texts, "tensors of texts"),
            (model.sparse, "sparse tensors"),
        ];
        Ok(Self {
            list,
            left_out: left_out
                .into_iter()
                .filter(|&(count, _)| count > 0)
                .map(|(count, what)| Remark::LeftOut { count, what })
                .collect(),
        })
    }
}

/// The element type with this number in ONNX, or the name of one that cannot be read.
fn dtype(data_type: u64) -> Result<DType, &'static str> {
    Ok(match data_type {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        4 => DType::U16,
        5 => DType::I16,
        6 => DType::I32,
        7 => DType::I64,
        8 => return Err("STRING"),
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        12 => DType::U32,
        13 => DType::U64,
        14 => return Err("COMPLEX64"),
        15 => return Err("COMPLEX128"),
        16 => DType::BF16,
        17 => DType::F8E4M3,
        18 => return Err("FLOAT8E4M3FNUZ"),
        19 => DType::F8E5M2,
        20 => return Err("FLOAT8E5M2FNUZ"),
        21 => return Err("UINT4"),
        22 => return Err("INT4"),
        23 => return Err("FLOAT4E2M1"),
        24 => return Err("FLOAT8E8M0"),
        25 => return Err("UINT2"),
        26 => return Err("INT2"),
        _ => return Err("unknown to this reader"),
    })
}

fn describe(name: String, tensor: &Tensor) -> Result<TensorInfo, Fault> {
    let dtype = dtype(tensor.data_type).map_err(Fault::new)?;
    let shape: Result<Vec<usize>, _> = tensor.dims.iter().map(|&dim| dim.try_into()).collect();
    match shape {
        Ok(shape) => Ok(TensorInfo::new(name, dtype, shape)?),
        Err(_) => Err(Fault::new(format!(
            "tensor {} is too large",
            Quoted::new(&name)
        ))),
    }
}

/// The model's own file and those beside it that hold its values.
struct Files {
    paths: Vec<PathBuf>,
    sizes: Vec<u64>,
    by_location: HashMap<String, usize>,
}

impl Files {
    fn new(path: &Path, bytes: u64) -> Self {
        Self {
            paths: vec![path.to_owned()],
            sizes: vec![bytes],
            by_location: HashMap::new(),
        }
    }

    fn fault(&self, info: &TensorInfo, problem: String) -> Error {
        let problem = format!("tensor {}: {problem}", Quoted::new(info.name()));
        Fault::in_file(&self.paths[0], Format::Onnx)(Fault::Problem(problem))
    }

    /// Finds the values, and that they are as many as the shape asks for.
    fn place(
        &mut self,
        tensor: &Tensor,
        info: &TensorInfo,
        limits: &Limits,
    ) -> Result<Place, Error> {
        let needed = info.bytes();
        let (file, start, found) = match &tensor.data {
            Data::Absent => (0, 0, 0),
            Data::Raw(span) => (0, span.start, span.len()),
            Data::External(external) => {
                let file = self.beside(info, external)?;
                let found = self.sizes[file].saturating_sub(external.offset);
                let stated = external.length.unwrap_or(needed);
                (
                    file,
                    external.offset,
                    if stated == needed {
                        found.min(needed)
                    } else {
                        stated
                    },
                )
            }
            Data::Typed(typed) => {
                if !typed.kind.holds(info.dtype()) || typed.count != info.elements() {
                    let (count, kind) = (typed.count, typed.kind);
                    return Err(self.fault(
                        info,
                        format!(
                            "its {count} values of {kind:?} are not what its type and shape ask for"
                        ),
                    ));
                }
                match typed.together() {
                    Some(span) => (0, span.start, span.len()),
                    None if needed > limits.decoded_bytes => {
                        return Err(self.fault(
                            info,
                            format!("its {needed} bytes are more than the limit for decoding"),
                        ));
                    }
                    None => return Ok(Place::Typed(*typed)),
                }
            }
        };
        if found != needed {
            return Err(self.fault(
                info,
                format!("type and shape need {needed} bytes and there are {found}"),
            ));
        }
        Ok(Place::Raw { file, start })
    }

    /// The file that a location names, which must be in the model's own folder.
    fn beside(&mut self, info: &TensorInfo, external: &External) -> Result<usize, Error> {
        let location = &external.location;
        if let Some(&file) = self.by_location.get(location) {
            return Ok(file);
        }
        if !is_plain(location) {
            let quoted = Quoted::new(location);
            return Err(self.fault(
                info,
                format!("its data are in {quoted}, which is refused: it must be a file in the model's own folder"),
            ));
        }
        let path = self.paths[0].with_file_name(location);
        let (_, bytes) = open_file(&path)?;
        self.paths.push(path);
        self.sizes.push(bytes);
        let file = self.sizes.len() - 1;
        self.by_location.insert(location.clone(), file);
        Ok(file)
    }

    /// Several tensors may share values, but not so that a small file fills the memory.
    fn check_expansion(&self, tensors: &Tensors, limits: &Limits) -> Result<(), Error> {
        let stored: u64 = self.sizes.iter().fold(0, |a, &b| a.saturating_add(b));
        if tensors.bytes() <= stored.saturating_mul(limits.expansion) {
            return Ok(());
        }
        let problem = format!(
            "its tensors have {} bytes together, more than {} times the {stored} that are stored",
            tensors.bytes(),
            limits.expansion
        );
        Err(Fault::in_file(&self.paths[0], Format::Onnx)(
            Fault::Problem(problem),
        ))
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
