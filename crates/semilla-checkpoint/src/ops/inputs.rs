//! Nothing that is read may be written over.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::Checkpoint;

/// The files that an operation reads.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    paths: BTreeSet<PathBuf>,
}

/// An output would take the place of an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is read by this command, and its output would take its place; write to another file",
    .0.display()
)]
pub struct OntoInput(
    /// The output's path.
    pub PathBuf,
);

impl Inputs {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the files that hold a checkpoint's tensors.
    pub fn checkpoint(mut self, checkpoint: &dyn Checkpoint) -> Self {
        for path in (0..checkpoint.tensors().len()).flat_map(|i| checkpoint.files(i)) {
            if !self.paths.contains(path) {
                self.paths.insert(path.to_owned());
            }
        }
        self
    }

    /// Adds any other files.
    pub fn files(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.paths.extend(paths);
        self
    }

    /// Refuses an output that would take an input's place, whatever links lead there.
    ///
    /// # Errors
    /// [`OntoInput`].
    ///
    /// ```
    /// use semilla_checkpoint::ops::Inputs;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("weights.safetensors");
    /// let inputs = Inputs::new().files([path.clone()]);
    /// assert!(inputs.check(&path).is_err());
    /// assert!(inputs.check(&folder.path().join("other.safetensors")).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn check(&self, output: &Path) -> Result<(), OntoInput> {
        let Some(at) = place(output) else {
            return Ok(());
        };
        let is_there = |input: &PathBuf| {
            place(input).as_ref() == Some(&at) || input.canonicalize().ok().as_ref() == Some(&at)
        };
        match self.paths.iter().any(is_there) {
            true => Err(OntoInput(output.to_owned())),
            false => Ok(()),
        }
    }
}

/// Whether two paths name one file, there already or not.
pub fn same_place(a: &Path, b: &Path) -> bool {
    place(a).is_some_and(|a| place(b) == Some(a))
}

/// Where a file lies, or would lie; `None` if its folder is not there.
fn place(path: &Path) -> Option<PathBuf> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn an_input_is_found_however_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        std::fs::write(at("blob"), "").unwrap();
        std::os::unix::fs::symlink(at("blob"), at("link")).unwrap();
        let inputs = Inputs::new().files([at("link")]);
        for output in ["link", "blob", "sub/../blob"] {
            assert!(inputs.check(&at(output)).is_err(), "{output}");
        }
        for output in ["new", "sub/blob", "absent/blob", "sub/.."] {
            assert_eq!(inputs.check(&at(output)), Ok(()), "{output}");
        }
        assert!(same_place(&at("new"), &at("sub/../new")));
        assert!(!same_place(&at("absent/new"), &at("absent/new")));
    }
}
