//! A plan carried out into a safetensors file.

use std::path::{Path, PathBuf};

use semilla::{Line, Plan};

use super::findings::{Findings, NotFinite, check_finite};
use super::inputs::{Inputs, OntoInput, same_place};
use super::lock::{LockError, locked};
use super::watch::Watch;
use crate::{
    ByteSize, CheckpointWriter, Error, Malformed, Metadata, SafetensorsWriter, Share, Sources,
    check_target, materialize, tensors_of, write_atomically,
};

/// Weights about to be written. [`run`](Self::run) writes them, on all threads of the current rayon
/// pool.
pub struct Write<'a> {
    plan: &'a Plan,
    sources: Sources<'a>,
    path: PathBuf,
    share: Share,
    max_shard_size: Option<ByteSize>,
    allow_non_finite: bool,
    lock: Option<PathBuf>,
    read: Vec<PathBuf>,
    watch: Watch<'a>,
}

/// The files that were written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Their names, with the index last where there are shards.
    pub files: Vec<PathBuf>,
    /// The bytes of all tensors.
    pub bytes: u64,
    /// Notes on the values that were loaded.
    pub findings: Findings,
}

/// Why the weights were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A file cannot be read or written, or a line of the plan cannot be carried out.
    #[error(transparent)]
    Checkpoint(#[from] Error),
    /// Names or shapes that no file can hold.
    #[error("the plan does not make a file")]
    Tensors(#[from] Malformed),
    /// An output would take the place of an input.
    #[error(transparent)]
    OntoInput(#[from] OntoInput),
    /// The weights and the lock would be one file.
    #[error("{} would be written twice; give --output and --lock different files", .0.display())]
    Twice(PathBuf),
    /// Loaded values are NaN or infinite; nothing was written.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// The lock cannot be made.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Writing a plan whose lines need no file: `plan.write("weights.safetensors").run()`.
///
/// ```
/// use semilla::{Recipe, model::Spec};
/// use semilla_checkpoint::ops::WritePlan;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("weights.safetensors");
/// let model = Spec::parse("mlp:784-256-10:relu")?;
/// let plan = Recipe::named("auto")?.plan(&model, 0)?;
/// plan.write(&path).run()?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait WritePlan {
    /// Writes the weights to a safetensors file: call [`Write::run`] on the result.
    ///
    /// A plan whose lines take values from files is written by
    /// [`Planned::write`](super::Planned::write), which knows those.
    fn write(&self, path: impl AsRef<Path>) -> Write<'_>;
}

impl WritePlan for Plan {
    fn write(&self, path: impl AsRef<Path>) -> Write<'_> {
        Write::new(self, path.as_ref(), Sources::default())
    }
}

impl<'a> Write<'a> {
    pub(super) fn new(plan: &'a Plan, path: &Path, sources: Sources<'a>) -> Self {
        Self {
            plan,
            sources,
            path: path.to_owned(),
            share: Share::WHOLE,
            max_shard_size: None,
            allow_non_finite: false,
            lock: None,
            read: Vec::new(),
            watch: Watch::default(),
        }
    }

    /// Writes one process's share of every tensor only.
    pub fn share(mut self, share: Share) -> Self {
        self.share = share;
        self
    }

    /// Splits the weights into files of at most this size, with an index.
    pub fn max_shard_size(mut self, size: ByteSize) -> Self {
        self.max_shard_size = Some(size);
        self
    }

    /// Writes loaded values even where they are NaN or infinite.
    pub fn allow_non_finite(mut self, allow: bool) -> Self {
        self.allow_non_finite = allow;
        self
    }

    /// Also writes the plan with the hashes of the files that it reads; see
    /// [`replay`](super::replay).
    pub fn lock(mut self, path: impl Into<PathBuf>) -> Self {
        self.lock = Some(path.into());
        self
    }

    /// More files that must not be written over, such as the recipe.
    pub fn keep(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.read.extend(files);
        self
    }

    /// Reports progress, and ends early if asked to.
    pub fn watch(mut self, watch: Watch<'a>) -> Self {
        self.watch = watch;
        self
    }

    /// The bytes that will be written.
    ///
    /// # Errors
    /// Names or shapes that no file can hold.
    pub fn bytes(&self) -> Result<u64, WriteError> {
        Ok(tensors_of(self.plan, self.share)?.bytes())
    }

    /// Writes. The files get their names only once every byte is on the disk.
    ///
    /// # Errors
    /// [`WriteError`]; then nothing was written.
    pub fn run(self) -> Result<Written, WriteError> {
        let inputs = self.check_outputs()?;
        // Hashed first: afterwards it would be too late to learn that a file cannot be read.
        let lock = self.lock.as_ref();
        let lock = lock.map(|path| Ok::<_, LockError>((path, locked(self.plan, self.sources)?)));
        let lock = lock.transpose()?;
        let tensors = tensors_of(self.plan, self.share)?;
        let bytes = tensors.bytes();
        let writer = SafetensorsWriter::create(
            &self.path,
            tensors,
            metadata(self.plan, self.share),
            self.max_shard_size,
        )?;
        writer.paths().try_for_each(|path| inputs.check(path))?;
        let findings = self.carry_out(&writer)?;
        let files = Box::new(writer).finish()?;
        if let Some((path, text)) = lock {
            write_atomically(path, text.as_bytes())?;
        }
        Ok(Written {
            files,
            bytes,
            findings,
        })
    }

    fn carry_out(&self, writer: &SafetensorsWriter) -> Result<Findings, WriteError> {
        let Watch { progress, stop } = self.watch;
        let health = materialize(self.plan, self.share, self.sources, writer, progress, stop)?;
        if !self.allow_non_finite {
            check_finite(&health)?;
        }
        Ok(Findings::of(
            self.plan,
            &health,
            self.sources.pretrained,
            self.watch,
        )?)
    }

    /// Nothing that is read may be written over, and nothing may be written twice.
    fn check_outputs(&self) -> Result<Inputs, WriteError> {
        let files = self.sources.pretrained.iter().map(|file| &**file);
        let files = files.chain(self.sources.own);
        let inputs = files
            .fold(Inputs::new(), Inputs::checkpoint)
            .files(self.read.clone());
        inputs.check(&self.path)?;
        let Some(lock) = &self.lock else {
            return Ok(inputs);
        };
        check_target(lock)?;
        inputs.check(lock)?;
        match same_place(lock, &self.path) {
            true => Err(WriteError::Twice(lock.clone())),
            false => Ok(inputs),
        }
    }
}

/// The making of a file, for its readers.
fn metadata(plan: &Plan, share: Share) -> Metadata {
    let mut metadata = Metadata::from([
        // Without it transformers does not load a file.
        ("format".to_owned(), "pt".to_owned()),
        ("semilla.stream".to_owned(), plan.stream.to_string()),
        ("semilla.recipe".to_owned(), plan.recipe.clone()),
        ("semilla.seed".to_owned(), plan.seed.to_string()),
    ]);
    if share != Share::WHOLE {
        metadata.insert("semilla.shard".to_owned(), share.to_string());
        for Line { name, shape, .. } in &plan.tensors {
            if let Some(slice) = share
                .slice(shape)
                .filter(|slice| !slice.offset().is_empty())
            {
                let place = format!("{:?} of {shape:?}", slice.offset());
                metadata.insert(format!("semilla.offset.{name}"), place);
            }
        }
    }
    metadata
}
