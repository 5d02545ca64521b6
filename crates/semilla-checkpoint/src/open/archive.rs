//! Opening zip archives, in which PyTorch, NumPy and Keras keep their files.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::format::Format;
#[cfg(feature = "keras")]
use crate::formats::keras::Keras;
#[cfg(feature = "numpy")]
use crate::formats::numpy::Numpy;
#[cfg(feature = "torch")]
use crate::formats::torch::Torch;
use crate::io::archive::Archive;
use crate::io::limits::Limits;
use crate::open::foreign::{Foreign, OTHER_ZIP};

/// Opens an archive by what its entries are for.
pub(super) fn open_archive(path: &Path, limits: &Limits) -> Result<Box<dyn Checkpoint>, Error> {
    let archive = Archive::open(path, limits)?;
    match format_of(&archive) {
        #[cfg(feature = "torch")]
        Ok(Format::Torch) if is_exported(&archive) => {
            Ok(Box::new(Torch::open_exported(archive, limits)?))
        }
        #[cfg(feature = "torch")]
        Ok(Format::Torch) => Ok(Box::new(Torch::open_archive(archive, limits)?)),
        #[cfg(feature = "numpy")]
        Ok(Format::Numpy) => Ok(Box::new(Numpy::open_archive(archive, limits)?)),
        #[cfg(feature = "keras")]
        Ok(Format::Keras) => Ok(Box::new(Keras::open(path, limits)?)),
        Ok(format) => Err(Error::MissingFeature {
            path: path.to_owned(),
            formats: vec![format],
        }),
        Err(foreign) => Err(foreign.refused(path)),
    }
}

/// Whether an archive is a program of `torch.export`: by the list of its weights, or the archive of
/// them that older versions wrote.
fn is_exported(archive: &Archive) -> bool {
    let names = ["model_weights_config.json", "serialized_state_dict.pt"];
    names
        .iter()
        .any(|name| archive.named(name).next().is_some())
}

/// Tells what an archive is for from its entries; an error is what is never read.
fn format_of(archive: &Archive) -> Result<Format, Foreign> {
    let entries = archive.entries();
    if archive.named("data.pkl").next().is_some() || is_exported(archive) {
        Ok(Format::Torch)
    } else if entries.iter().any(|entry| entry.name.ends_with(".h5")) {
        Ok(Format::Keras)
    } else if !entries.is_empty() && entries.iter().all(|entry| entry.name.ends_with(".npy")) {
        Ok(Format::Numpy)
    } else {
        Err(OTHER_ZIP)
    }
}
