//! An adapter merged into its base, and the result written.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use semilla::DType;
use serde::Serialize;

use super::config::Config;
use super::error::MergeError;
use super::keys::{Keys, Module, Renaming, tensor};
use crate::ops::watch::go_on;
use crate::ops::{Inputs, Watch};
use crate::remark::sentences;
use crate::whole::{Change, Factors, merged};
use crate::{
    ByteSize, Checkpoint, CheckpointWriter, Error, Metadata, SafetensorsWriter, TensorInfo, open,
};

/// A base with the adapter of a folder in it: each adapted weight is W + s B A with the scaling of
/// the adapter's configuration, and modules that were trained whole take the base's place. Equal to
/// peft's `merge_and_unload()` to a rounding.
///
/// ```no_run
/// use semilla_checkpoint::ops::Merge;
/// use semilla_checkpoint::{open, whole};
///
/// let base = whole(open("model.safetensors")?)?;
/// let merge = Merge::new(base, "adapter")?;
/// let report = merge.write("merged.safetensors", None, Default::default())?;
/// println!("{} weights were adapted", report.merged.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Merge {
    file: Box<dyn Checkpoint>,
    /// The base's and the adapter's files.
    inputs: Inputs,
    merged: Vec<Merged>,
    given: Vec<String>,
}

/// A report on a merged model that was written.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MergeReport {
    /// The weights that an adapter was added to.
    pub merged: Vec<Merged>,
    /// The tensors that the adapter holds as a whole.
    pub given: Vec<String>,
    /// The files that were written.
    pub files: Vec<PathBuf>,
    /// Remarks of the readers.
    pub remarks: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// A weight that an adapter was added to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Merged {
    /// The tensor's name in the base.
    pub tensor: String,
    /// The rank of the adapter.
    pub rank: usize,
    /// What the product of its factors was multiplied by.
    pub scaling: f64,
    /// Whether rows were scaled to the adapter's lengths (DoRA).
    pub dora: bool,
}

impl Merge {
    /// Finds what of a base the adapter in a folder changes.
    ///
    /// # Errors
    /// The folder is no adapter, one of another method than LoRA and DoRA, or of another base.
    pub fn new(base: Box<dyn Checkpoint>, folder: impl AsRef<Path>) -> Result<Self, MergeError> {
        let folder = folder.as_ref();
        let config = Config::read(&folder.join("adapter_config.json"))?;
        let names = ["adapter_model.safetensors", "adapter_model.bin"];
        let mut files = names.iter().map(|name| folder.join(name));
        let file = files.find(|file| file.exists());
        let adapter = open(file.ok_or_else(|| MergeError::NoWeights(folder.to_owned()))?)?;
        let keys = Keys::of(&*adapter)?;
        let renaming = Renaming::of(&keys, base.tensors());
        let mut adapted = Vec::new();
        for (name, &module) in &keys.modules {
            adapted.push(Adapted::of(
                &*base,
                &*adapter,
                (name, module),
                &config,
                &renaming,
            )?);
        }
        let mut given = Vec::new();
        for (name, by) in keys.given {
            let name = given_name(&*base, &*adapter, &name, by, &renaming)?;
            let place = base.tensors().index_of(&name);
            // A table that was saved along with its factors, which are added to it.
            match adapted.iter_mut().find(|found| Some(found.tensor) == place) {
                Some(found) => found.factors.weight = Some(by),
                None => given.push((name, by)),
            }
        }
        let report = adapted.iter().map(|found| found.report(&*base)).collect();
        let added = adapted.into_iter().map(|found| Change::Added {
            tensor: found.tensor,
            factors: found.factors,
        });
        let names = given.iter().map(|(name, _)| name.clone()).collect();
        let whole = given
            .into_iter()
            .map(|(name, by)| Change::Given { name, by });
        let changes = added.chain(whole).collect();
        Ok(Self {
            inputs: Inputs::new().checkpoint(&*base).checkpoint(&*adapter),
            file: merged(base, adapter, changes)?,
            merged: report,
            given: names,
        })
    }

    /// The merged model, put together as it is read.
    pub fn checkpoint(&self) -> &dyn Checkpoint {
        &*self.file
    }

    /// Writes the merged model to a safetensors file, on all threads of the current rayon pool.
    ///
    /// # Errors
    /// A file cannot be read or written, or the work was stopped.
    pub fn write(
        &self,
        path: impl AsRef<Path>,
        max_shard_size: Option<ByteSize>,
        watch: Watch<'_>,
    ) -> Result<MergeReport, MergeError> {
        let start = Instant::now();
        let (file, path) = (&*self.file, path.as_ref());
        self.inputs.check(path)?;
        let tensors = file.tensors().clone();
        // PyTorch's loaders ask for this key.
        let metadata = match file.metadata().is_empty() {
            true => Metadata::from([("format".to_owned(), "pt".to_owned())]),
            false => file.metadata().clone(),
        };
        let writer = SafetensorsWriter::create(path, tensors, metadata, max_shard_size)?;
        copy(file, &writer, watch)?;
        Ok(MergeReport {
            merged: self.merged.clone(),
            given: self.given.clone(),
            files: Box::new(writer).finish()?,
            remarks: sentences(file.remarks()),
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}

/// Copies all tensors, a piece on each thread.
fn copy(file: &dyn Checkpoint, writer: &SafetensorsWriter, watch: Watch<'_>) -> Result<(), Error> {
    const PIECE: usize = 1 << 20;
    for (tensor, info) in file.tensors().iter().enumerate() {
        let bytes = info.bytes();
        (0..bytes.div_ceil(PIECE as u64))
            .into_par_iter()
            .try_for_each_init(Vec::new, |buffer, piece| {
                go_on(watch.stop)?;
                let offset = piece * PIECE as u64;
                buffer.resize((bytes - offset).min(PIECE as u64) as usize, 0);
                file.read(tensor, offset, buffer)?;
                writer.write(tensor, offset, buffer)?;
                (watch.progress)(buffer.len() as u64);
                Ok::<(), Error>(())
            })?;
    }
    Ok(())
}

/// A weight and the factors that fit it.
struct Adapted {
    tensor: usize,
    factors: Factors,
    scaling: f64,
}

impl Adapted {
    fn of(
        base: &dyn Checkpoint,
        adapter: &dyn Checkpoint,
        (name, module): (&str, Module),
        config: &Config,
        renaming: &Renaming,
    ) -> Result<Self, MergeError> {
        let refuse = |problem: &str| tensor(name, problem);
        let (Some(a), Some(b)) = (module.a, module.b) else {
            return Err(refuse("it has one factor without the other"));
        };
        let found = renaming.weight(name, base.tensors());
        let place = found.ok_or_else(|| {
            refuse("the base has no weight of this module; give the model that was adapted")
        })?;
        let weight = &base.tensors()[place];
        if ![DType::F32, DType::F16, DType::BF16].contains(&weight.dtype()) {
            return Err(refuse(&format!(
                "its weight is of type {}; convert the base to BF16 or F32 first",
                weight.dtype()
            )));
        }
        let is_turned = module.is_table || config.fan_in_fan_out && weight.shape().len() == 2;
        let [a_info, b_info] = [a, b].map(|place| &adapter.tensors()[place]);
        let rank = fitting_rank(weight, a_info, b_info, is_turned).ok_or_else(|| {
            refuse(&format!(
                "factors of shapes {:?} and {:?} are not those of a weight {:?}",
                a_info.shape(),
                b_info.shape(),
                weight.shape()
            ))
        })?;
        let lengths = match (config.use_dora, module.lengths) {
            (false, None) => None,
            (true, Some(_)) if is_turned => {
                return Err(refuse(
                    "DoRA of an embedding or a Conv1D is not merged here; merge it with \
                     PeftModel.merge_and_unload()",
                ));
            }
            (true, Some(lengths))
                if adapter.tensors()[lengths].elements() == weight.shape()[0] as u64 =>
            {
                Some(lengths)
            }
            _ => return Err(refuse("its lengths are not those of the weight's rows")),
        };
        let scaling = config
            .scaling(name, rank)
            .map_err(|problem| refuse(&problem))?;
        let factors = Factors {
            a,
            b,
            rank,
            scaling: scaling as f32,
            is_turned,
            lengths,
            weight: None,
        };
        Ok(Self {
            tensor: place,
            factors,
            scaling,
        })
    }

    fn report(&self, base: &dyn Checkpoint) -> Merged {
        Merged {
            tensor: base.tensors()[self.tensor].name().to_owned(),
            rank: self.factors.rank,
            scaling: self.scaling,
            dora: self.factors.lengths.is_some(),
        }
    }
}

/// The rank of factors A [rank, inputs] and B [outputs, rank] that fit a weight.
fn fitting_rank(
    weight: &TensorInfo,
    a: &TensorInfo,
    b: &TensorInfo,
    is_turned: bool,
) -> Option<usize> {
    let rank = *a.shape().first().filter(|&&rank| rank > 0)?;
    let rows = *weight.shape().first()? as u64;
    let columns = weight.elements().checked_div(rows)?;
    let (inputs, outputs) = match is_turned {
        true => (rows, columns),
        false => (columns, rows),
    };
    let wide = rank as u64;
    let fits = b.shape().first() == Some(&(outputs as usize))
        && Some(a.elements()) == wide.checked_mul(inputs)
        && Some(b.elements()) == wide.checked_mul(outputs)
        && a.dtype().is_float()
        && b.dtype().is_float();
    fits.then_some(rank)
}

/// The name in the merged model of a tensor that the adapter holds as a whole.
fn given_name(
    base: &dyn Checkpoint,
    adapter: &dyn Checkpoint,
    name: &str,
    by: usize,
    renaming: &Renaming,
) -> Result<String, MergeError> {
    let own = renaming.name(name).unwrap_or(name);
    let Some(place) = base.tensors().index_of(own) else {
        // A head of its own.
        return Ok(name.to_owned());
    };
    let (theirs, ours) = (&base.tensors()[place], &adapter.tensors()[by]);
    match theirs.shape() == ours.shape() {
        true => Ok(own.to_owned()),
        false => Err(tensor(
            name,
            &format!(
                "it has shape {:?}, and the base's {:?}",
                ours.shape(),
                theirs.shape()
            ),
        )),
    }
}
