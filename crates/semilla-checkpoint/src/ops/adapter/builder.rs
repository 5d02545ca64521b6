use std::path::Path;

use semilla::lora::{LoraInit, Rank, Target};

use super::error::AdapterError;
use super::report::AdapterReport;
use super::work::Work;
use crate::Checkpoint;
use crate::ops::{Described, Watch};

/// An adapter in the making. The defaults are peft's: `true` factors of rank 8 with alpha 8, for
/// attention's query and value matrices.
///
/// ```
/// # use semilla::DType;
/// # use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors};
/// use semilla::lora::LoraInit;
/// use semilla_checkpoint::ops::{Adapter, DescribeOptions, describe};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.safetensors");
/// # let name = "h.0.attn.q_proj.weight";
/// # let list = Tensors::new(vec![TensorInfo::new(name, DType::F32, [2, 2])?])?;
/// # let writer = SafetensorsWriter::create(&path, list, Metadata::new(), None)?;
/// # writer.write(0, 0, bytemuck::cast_slice(&[3f32, 0.0, 0.0, 2.0]))?;
/// # writer.finish()?;
/// # let (path, output) = (path.to_str().unwrap(), folder.path().join("adapter"));
/// let base = describe(path, DescribeOptions::default())?;
/// let report = Adapter::of(&base)
///     .init(LoraInit::Pissa)
///     .rank(1)
///     .alpha(1)
///     .targets(["*.q_proj"])
///     .write(&output)?;
/// assert_eq!(report.matrices[0].module, "h.0.attn.q_proj");
/// assert_eq!(report.matrices[0].residual.map(f64::round), Some(2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Adapter<'a> {
    base: &'a Described,
    init: LoraInit,
    rank: usize,
    alpha: u32,
    rslora: bool,
    targets: Vec<String>,
    prefix: String,
    seed: u64,
    watch: Watch<'a>,
}

impl<'a> Adapter<'a> {
    /// An adapter of a base's weights.
    pub fn of(base: &'a Described) -> Self {
        Self {
            base,
            init: LoraInit::default(),
            rank: 8,
            alpha: 8,
            rslora: false,
            targets: Vec::new(),
            prefix: String::new(),
            seed: 0,
            watch: Watch::default(),
        }
    }

    /// The first factors.
    pub fn init(mut self, init: LoraInit) -> Self {
        self.init = init;
        self
    }

    /// The rank of every adapter.
    pub fn rank(mut self, rank: usize) -> Self {
        self.rank = rank;
        self
    }

    /// The numerator of the scaling, alpha / rank.
    pub fn alpha(mut self, alpha: u32) -> Self {
        self.alpha = alpha;
        self
    }

    /// Whether the scaling is alpha / √rank instead (Kalajdzievski 2023).
    pub fn rslora(mut self, rslora: bool) -> Self {
        self.rslora = rslora;
        self
    }

    /// The matrices, by globs over tensors' or modules' names; see [`Target::choose`].
    pub fn targets(mut self, globs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.targets = globs.into_iter().map(Into::into).collect();
        self
    }

    /// Goes before modules' names, where the model has them inside a different module than the
    /// file says.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The seed of whatever is random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Follows the work, and may stop it.
    pub fn watch(mut self, watch: Watch<'a>) -> Self {
        self.watch = watch;
        self
    }

    /// How many bytes of the base [`Self::write`] reports as progress.
    ///
    /// # Errors
    /// As those of [`Self::write`] about the options.
    pub fn bytes(&self) -> Result<u64, AdapterError> {
        let file = self.file()?;
        if self.init.has_residual() {
            return Ok(file.tensors().bytes());
        }
        let targets = self.choose()?;
        let bytes = |target: &Target| file.tensors()[target.tensor].bytes();
        Ok(targets.iter().map(bytes).sum())
    }

    /// Computes the factors and writes `adapter_model.safetensors` and `adapter_config.json` into
    /// `folder`, which is made if it is not there; for PiSSA and OLoRA also `base.safetensors`, to
    /// be loaded in the base's place.
    ///
    /// # Errors
    /// [`AdapterError`].
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<AdapterReport, AdapterError> {
        let alpha = f64::from(self.alpha);
        let rank = match self.rslora {
            true => Rank::stabilized(self.rank, alpha),
            false => Rank::new(self.rank, alpha),
        }?;
        let work = Work {
            base: self.file()?,
            folder: folder.as_ref(),
            init: self.init,
            rank,
            alpha: self.alpha,
            rslora: self.rslora,
            targets: &self.choose()?,
            prefix: &self.prefix,
            seed: self.seed,
            watch: self.watch,
        };
        work.carry_out()
    }

    fn file(&self) -> Result<&'a dyn Checkpoint, AdapterError> {
        self.base.file.as_deref().ok_or(AdapterError::NoFile)
    }

    fn choose(&self) -> Result<Vec<Target>, AdapterError> {
        Ok(Target::choose(&self.base.model, &self.targets)?)
    }
}
