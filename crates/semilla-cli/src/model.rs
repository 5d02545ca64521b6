//! The MODEL argument: a file of weights, a folder of them, a list of shapes, or a one-line description.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use semilla::model::{Convention, Spec};
use semilla::{DType, Model};
use semilla_checkpoint::{Checkpoint, Quoted};

use crate::failure::Failure;

/// What every command that plans takes.
#[derive(Args)]
pub(crate) struct ModelArgs {
    /// A file of weights (safetensors, .pt, .npz, .h5, .keras, ONNX, GGUF), a folder of shards with its index, a JSON
    /// list of shapes, or a description such as mlp:784-256-10:relu
    #[arg(value_name = "MODEL", required_unless_present = "plan")]
    pub(crate) model: Option<String>,

    /// How the model stores its weights, if not as its format or its names tell
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub(crate) layout: Option<Stored>,

    /// Write floating-point tensors in this type: f64, f32, f16, bf16, f8e4m3fn, f8e5m2
    #[arg(long, value_name = "DTYPE")]
    pub(crate) dtype: Option<DType>,
}

/// Whose way of storing weights.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Stored {
    /// [out, in] and [out, in, kernel...]: PyTorch, transformers, timm
    Pytorch,
    /// [in, out] and [kernel..., in, out], Keras names
    Keras,
    /// [in, out] and [kernel..., in, out], Flax names
    Jax,
}

impl From<Stored> for Convention {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Pytorch => Convention::Pytorch,
            Stored::Keras => Convention::Keras,
            Stored::Jax => Convention::Jax,
        }
    }
}

/// A model, and the file that it was read from.
pub(crate) struct Loaded {
    pub(crate) model: Model,
    /// Whose way of storing weights it follows.
    pub(crate) convention: Convention,
    /// How that was told, where it is not plain.
    pub(crate) remark: Option<String>,
    pub(crate) file: Option<Box<dyn Checkpoint>>,
}

impl ModelArgs {
    /// Reads the model's names, shapes and types; no weights.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        let text = self.model.as_deref().unwrap_or_default();
        let mut loaded = match existing(text) {
            Some(path) => {
                let file = semilla_checkpoint::open(&path)?;
                let told = described(&*file, text, "--layout", self.layout)?;
                Loaded {
                    model: told.model,
                    convention: told.convention,
                    remark: told.remark,
                    file: Some(file),
                }
            }
            None if Spec::looks_like(text) => Loaded {
                model: Spec::parse(text)?,
                convention: Convention::Pytorch,
                remark: None,
                file: None,
            },
            None => return Err(Failure::NoModel(text.to_owned())),
        };
        if let Some(dtype) = self.dtype {
            if !dtype.is_float() {
                return Err(Failure::IntegerDType(dtype));
            }
            for tensor in &mut loaded.model.tensors {
                if tensor.dtype.is_float() {
                    tensor.dtype = dtype;
                }
            }
        }
        Ok(loaded)
    }
}

/// A checkpoint's tensors with what their names, and the file itself, tell of them.
pub(crate) struct Described {
    pub(crate) model: Model,
    pub(crate) convention: Convention,
    /// How the convention was told, if by names.
    pub(crate) remark: Option<String>,
}

/// Describes a checkpoint that the command line calls `path`; `stored` is what its `option` says, which goes before what
/// format and names tell.
pub(crate) fn described(
    file: &dyn Checkpoint,
    path: impl Into<PathBuf>,
    option: &'static str,
    stored: Option<Stored>,
) -> Result<Described, Failure> {
    let tensors = file.tensors();
    let stated = stored.map(Convention::from).or(file.format().convention());
    let told = match stated {
        Some(_) => None,
        None => Convention::of_names(tensors.iter().map(|info| info.name())).map_err(|names| {
            let path = path.into();
            Failure::Layout {
                path,
                option,
                names,
            }
        })?,
    };
    let convention = stated.or(told.map(|(convention, _)| convention));
    let convention = convention.unwrap_or_default();
    let remark = told
        .filter(|_| convention != Convention::default())
        .map(|(_, name)| {
            let name = Quoted::new(name);
            format!("read in {convention}'s layout, which names such as {name} tell; {option} says another")
        });
    let named = tensors
        .iter()
        .map(|info| (info.name().to_owned(), info.shape().to_vec(), info.dtype()));
    let mut model = Model::infer(named, convention);
    for (place, tensor) in model.tensors.iter_mut().enumerate() {
        if let Some(layout) = file.layout(place) {
            tensor.layout = Some(layout.clone());
        }
    }
    Ok(Described {
        model,
        convention,
        remark,
    })
}

fn existing(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    path.exists().then(|| path.to_owned())
}
