//! A file that gets its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use crate::error::Error;
use crate::io::disk::{reserve, start_writeback};
use crate::io::position::write_at;

/// A file being written beside its target; dropped before [`Partial::publish`], it is removed.
///
/// It is called `.NAME.PID-N.partial`: what remains of a process that was killed can be told, and
/// deleted, by that.
#[derive(Debug)]
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    bytes: u64,
}

impl Partial {
    /// Creates the file and takes its place on the disk.
    pub(crate) fn create(target: &Path, bytes: u64) -> Result<Self, Error> {
        check_target(target)?;
        let (file, path) = create_beside(target).map_err(Error::io("create", target))?;
        let partial = Self {
            file,
            path,
            target: target.to_owned(),
            bytes,
        };
        reserve(&partial.file, bytes).map_err(|cause| partial.explain(cause))?;
        Ok(partial)
    }

    /// Writes at a position, from any thread.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        write_at(&self.file, bytes, offset).map_err(|cause| self.explain(cause))?;
        start_writeback(&self.file, bytes.len(), offset);
        Ok(())
    }

    /// Waits until all bytes are on the disk.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(|cause| self.explain(cause))
    }

    /// The name that the file will have.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Removes an earlier file of the target's name.
    pub(crate) fn retire(&self) -> Result<(), Error> {
        match fs::remove_file(&self.target) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::Io {
                action: "replace",
                path: self.target.clone(),
                cause,
            }),
            _ => Ok(()),
        }
    }

    /// Gives the file its name, in the place of any file that had it.
    pub(crate) fn publish(self) -> Result<PathBuf, Error> {
        fs::rename(&self.path, &self.target).map_err(Error::io("create", &self.target))?;
        Ok(self.target.clone())
    }

    fn explain(&self, cause: io::Error) -> Error {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match cause.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Error::Full {
                path: self.target.clone(),
                bytes: self.bytes,
                cause,
            },
            _ => Error::Io {
                action: "write",
                path: self.target.clone(),
                cause,
            },
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename there is nothing to remove, and a destructor can report nothing.
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes a small file whole: beside its target, synced, renamed.
///
/// # Errors
/// The folder does not exist, or the disk is full or fails; an earlier file of the name stays.
pub fn write_atomically(target: &Path, bytes: &[u8]) -> Result<(), Error> {
    let partial = Partial::create(target, bytes.len() as u64)?;
    partial.write_at(bytes, 0)?;
    partial.sync()?;
    partial.publish()?;
    sync_folder(folder_of(target))
}

/// The folder that holds a file of this path.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Whether a file can be made here, as far as can be told without making it.
/// Checks that a file can be written under this name: a new one, or in the place of a regular one, in a folder that exists.
///
/// # Errors
/// What stands in the way.
pub fn check_target(target: &Path) -> Result<(), Error> {
    let refuse = |reason| {
        Err(Error::Target {
            path: target.to_owned(),
            reason,
        })
    };
    if target.file_name().is_none() {
        return refuse("the path has no file name");
    }
    if !folder_of(target).is_dir() {
        return refuse("its folder does not exist; create it first");
    }
    match fs::metadata(target) {
        Ok(found) if found.is_dir() => refuse("it is a folder; name a file in it"),
        Ok(found) if !found.is_file() => refuse("it exists and is not a regular file"),
        _ => Ok(()),
    }
}

fn create_beside(target: &Path) -> io::Result<(File, PathBuf)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut attempt = 0;
    loop {
        let path = target.with_file_name(format!(".{name}.{}-{attempt}.partial", process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            // Another writer of this process, or a killed process that had the same number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {
                attempt += 1;
            }
            opened => return opened.map(|file| (file, path)),
        }
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // File systems that cannot sync a folder say so: their names are durable or never are.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
        done => done.map_err(Error::io("sync", folder))?,
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
