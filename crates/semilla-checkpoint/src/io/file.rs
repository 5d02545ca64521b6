//! Files: which are opened, and which names stay in their folder.

use std::fs::{self, File};
use std::path::{Component, Path};

use crate::error::Error;

/// Opens a regular file (a pipe would block) and tells its length.
pub(crate) fn open_file(path: &Path) -> Result<(File, u64), Error> {
    if !fs::metadata(path)
        .map_err(Error::io("open", path))?
        .is_file()
    {
        return Err(Error::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(Error::io("open", path))?;
    let bytes = file.metadata().map_err(Error::io("open", path))?.len();
    Ok((file, bytes))
}

/// Whether the name stays in its folder on every system: one component, and no separator.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let first = components.next();
    matches!(first, Some(Component::Normal(component)) if component == name)
        && components.next().is_none()
        && !name.contains(['/', '\\'])
        && !name.contains(char::is_control)
}
