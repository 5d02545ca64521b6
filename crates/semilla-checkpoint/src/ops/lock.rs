//! Locks: plans with the hashes of the files that they read.

use std::io::Read;
use std::path::{Path, PathBuf};

use semilla::{Plan, PlanSource};
use sha2::{Digest, Sha256};

use crate::{Checkpoint, Sources};

/// Why a lock could not be made or is not met.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: std::io::Error,
    },
    /// The plan cannot be written as JSON.
    #[error("cannot write the plan as JSON")]
    Json(#[from] serde_json::Error),
    /// A file is not the one that the plan was locked with.
    #[error(
        "{path} is not the file that the plan was made for: its SHA-256 is {found}, the plan's \
         {expected}; find that file, or plan again"
    )]
    Changed {
        /// The file.
        path: String,
        /// The hash in the plan.
        expected: String,
        /// The file's hash.
        found: String,
    },
    /// The plan keeps values of the model's file, which was not given.
    #[error("the plan keeps values of the file that it was locked with; give that file as MODEL")]
    NothingKept,
}

/// The plan as JSON with its checkpoints' hashes, and that of the model's own file where it keeps
/// values of it.
pub(super) fn locked(plan: &Plan, sources: Sources<'_>) -> Result<String, LockError> {
    let mut plan = plan.clone();
    for (source, file) in plan.sources.iter_mut().zip(sources.pretrained) {
        source.sha256 = Some(hash(&**file)?);
    }
    if plan.keeps() {
        plan.kept = sources.own.map(hash).transpose()?;
    }
    Ok(serde_json::to_string_pretty(&plan)?)
}

/// Checks that a checkpoint is the one that the plan was locked with, if it was.
pub(super) fn check_source(source: &PlanSource, file: &dyn Checkpoint) -> Result<(), LockError> {
    match &source.sha256 {
        Some(expected) => check_hash(file, &source.path, expected),
        None => Ok(()),
    }
}

/// Checks that the model's file is the one whose values a plan keeps, if it was locked.
pub(super) fn check_kept(plan: &Plan, own: Option<&dyn Checkpoint>) -> Result<(), LockError> {
    let Some(expected) = &plan.kept else {
        return Ok(());
    };
    let own = own.ok_or(LockError::NothingKept)?;
    let path = own.file(0).unwrap_or(Path::new("MODEL"));
    check_hash(own, &path.display().to_string(), expected)
}

fn check_hash(file: &dyn Checkpoint, path: &str, expected: &str) -> Result<(), LockError> {
    let found = hash(file)?;
    match found == expected {
        true => Ok(()),
        false => Err(LockError::Changed {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found,
        }),
    }
}

/// The SHA-256 of the checkpoint's file; of several files, of their hashes in order.
fn hash(file: &dyn Checkpoint) -> Result<String, LockError> {
    let mut paths: Vec<&Path> = (0..file.tensors().len())
        .flat_map(|tensor| file.files(tensor))
        .collect();
    paths.sort();
    paths.dedup();
    let hashes: Result<Vec<String>, LockError> = paths.iter().map(|path| hash_file(path)).collect();
    let mut hashes = hashes?;
    match hashes.len() {
        1 => Ok(hashes.swap_remove(0)),
        _ => Ok(hex(&Sha256::digest(hashes.concat().as_bytes()))),
    }
}

fn hash_file(path: &Path) -> Result<String, LockError> {
    let refused = |error| LockError::Io {
        path: path.to_owned(),
        error,
    };
    let mut file = std::fs::File::open(path).map_err(refused)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let len = file.read(&mut buffer).map_err(refused)?;
        if len == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..len]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
