//! Folders of a training's numbered steps: `100` of Orbax, `checkpoint-500` of transformers'
//! trainer, `checkpoint_100` of Flax.

use std::path::{Path, PathBuf};

use crate::Remark;

/// What comes before the number.
const STEMS: [&str; 12] = [
    "",
    "checkpoint-",
    "checkpoint_",
    "ckpt-",
    "ckpt_",
    "epoch-",
    "epoch_",
    "global_step",
    "iter_",
    "step-",
    "step_",
    "step",
];

/// The number of the step that a file or folder is, by its name.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (stem, number) = name.split_at(name.len() - digits);
    // Chunks of arrays are files of a number alone.
    let is_step = STEMS.contains(&stem) && (path.is_dir() || !stem.is_empty());
    number.parse().ok().filter(|_| is_step)
}

/// The latest of the steps among the files and folders of a folder.
pub(super) fn latest<'f>(files: impl IntoIterator<Item = &'f PathBuf>) -> Option<&'f Path> {
    let steps = files
        .into_iter()
        .filter_map(|path| Some((number(path)?, path)));
    steps.max().map(|(_, path)| path.as_path())
}

/// That a file was found in the latest of several steps of the folder that was given.
pub(super) fn chosen(folder: &Path, file: &Path) -> Option<Remark> {
    let below = file.strip_prefix(folder).ok()?.components().next()?;
    let step = folder.join(below);
    number(&step)?;
    let listed = folder.read_dir().ok()?.flatten();
    let count = listed
        .filter(|entry| number(&entry.path()).is_some())
        .count();
    (count > 1).then(|| Remark::Latest {
        step: below.as_os_str().to_string_lossy().into_owned(),
        count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_is_the_latest() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["9", "100", "100.orbax-checkpoint-tmp-7", "layer_200", "d"];
        let paths = names.map(|name| folder.path().join(name));
        for path in &paths {
            std::fs::create_dir(path).unwrap();
        }
        assert_eq!(latest(&paths), Some(&*paths[1]));
        let said = chosen(folder.path(), &paths[1].join("w/a")).unwrap();
        assert!(said.to_string().starts_with("2 steps"), "{said}");
        assert_eq!(chosen(&paths[1], &paths[1].join("w")), None);
        let file = folder.path().join("300");
        std::fs::write(&file, "").unwrap();
        assert_eq!(latest([&file]), None);
    }
}
