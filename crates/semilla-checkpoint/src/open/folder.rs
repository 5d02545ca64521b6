//! The file of a folder that stands for its model.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::open::part::siblings;

/// How the files end that stand for a folder's model, the preferred kind first.
struct Kind {
    name: &'static str,
    single: &'static str,
    index: &'static str,
    /// The ending of the whole model, in the place of the index's.
    whole: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "safetensors",
        single: ".safetensors",
        index: ".safetensors.index.json",
        whole: ".safetensors",
    },
    // Beside these lie optimizers' states and arguments, which end in .bin too.
    Kind {
        name: "model.bin",
        single: "model.bin",
        index: ".bin.index.json",
        whole: ".bin",
    },
    Kind {
        name: "weights.h5",
        single: ".weights.h5",
        index: ".weights.json",
        whole: ".weights.h5",
    },
];

/// The file of a folder that stands for its model.
pub(super) fn choose(folder: &Path) -> Result<PathBuf, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') {
            files.push((name.into_owned(), path));
        }
    }
    let ending = |end: &str| -> Vec<PathBuf> {
        let those = files.iter().filter(|(name, _)| name.ends_with(end));
        those.map(|(_, path)| path.clone()).collect()
    };
    let found = KINDS.iter().find_map(|kind| {
        let (indexes, singles) = (ending(kind.index), ending(kind.single));
        let some = !indexes.is_empty() || !singles.is_empty();
        some.then(|| one_of(kind, indexes, singles))
    });
    let is_distributed = files.iter().any(|(name, _)| name.ends_with(".distcp"));
    if found.is_none() && is_distributed {
        return Err(Error::Distributed {
            path: folder.to_owned(),
        });
    }
    let none = || Err("no safetensors file, no pytorch_model.bin and no .weights.h5".to_owned());
    found.unwrap_or_else(none).map_err(|found| Error::Folder {
        path: folder.to_owned(),
        found,
    })
}

/// The one file of a kind that is the whole model, or what there is instead.
fn one_of(kind: &Kind, indexes: Vec<PathBuf>, singles: Vec<PathBuf>) -> Result<PathBuf, String> {
    match (&indexes[..], &singles[..]) {
        ([index], shards) => match beside(kind, index, shards) {
            None => Ok(index.clone()),
            Some(whole) => Err(format!("both {whole} and an index of shards")),
        },
        ([], [single]) => Ok(single.clone()),
        ([], [first, ..]) if are_parts(first, &singles) => Ok(first.clone()),
        ([], _) => Err(format!(
            "{} {} files and no index",
            singles.len(),
            kind.name
        )),
        _ => Err(format!("{} indexes", indexes.len())),
    }
}

/// Whether the files are all of one model in parts: those that are missing are asked for later.
fn are_parts(first: &Path, files: &[PathBuf]) -> bool {
    siblings(first).is_some_and(|parts| files.iter().all(|file| parts.contains(file)))
}

/// The whole model of the index's own name, if there is one: the shards may be older or newer.
fn beside(kind: &Kind, index: &Path, singles: &[PathBuf]) -> Option<String> {
    let index = index.file_name()?.to_string_lossy();
    let whole = index.strip_suffix(kind.index)?.to_owned() + kind.whole;
    let is_whole = |single: &PathBuf| single.file_name().is_some_and(|name| *name == *whole);
    singles.iter().any(is_whole).then_some(whole)
}
