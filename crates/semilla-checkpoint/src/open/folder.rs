//! The file of a folder that stands for its model.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::io::file::is_plain;
use crate::open::foreign::Foreign;
use crate::open::part::siblings;
use crate::open::recognize::{ORBAX, ZARR};
use crate::open::slices::is_slice;
use crate::open::steps::latest;

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

/// How files end that stand for a folder's model where there is none of these kinds.
const OTHERS: [&str; 11] = [
    ".gguf",
    ".onnx",
    ".keras",
    ".npz",
    ".pth",
    ".pt",
    ".ckpt",
    ".h5",
    ".msgpack",
    ".pdparams",
    ".pkl",
];

/// The file of a folder that stands for its model.
///
/// # Errors
/// There is none, or more than one, or a format that is not read.
pub(super) fn choose(folder: &Path) -> Result<PathBuf, Error> {
    let files = list(folder)?;
    let refuse = |found| Error::Folder {
        path: folder.to_owned(),
        found,
    };
    if let Some(found) = of_kinds(&files) {
        return found.map_err(refuse);
    }
    if let Some((_, piece)) = files.iter().find(|(name, _)| name.ends_with(PIECE)) {
        return whole_of(piece);
    }
    let of_zero = |name: &str| name.starts_with("zero_pp_rank_") && name.ends_with(STATES);
    if let Some((_, states)) = files.iter().find(|(name, _)| of_zero(name)) {
        return Ok(states.clone());
    }
    // Beside these lie optimizers' states of the same ending.
    if let Some((_, slice)) = files
        .iter()
        .find(|(_, path)| path.is_file() && is_slice(path))
    {
        return Ok(slice.clone());
    }
    if let Some(step) = latest_of_trainer(folder) {
        return choose(&step);
    }
    let folders = || files.iter().filter(|(_, path)| path.is_dir());
    if let Some((_, of_process)) = folders().find(|(_, path)| is_slice(path)) {
        return choose(of_process);
    }
    if let Some(found) = of_others(&files) {
        return found.map_err(refuse);
    }
    if let Some(found) = of_tensorflow(folder, &files) {
        return found.map_err(refuse);
    }
    if let Some(found) = of_orbax(&files) {
        return found.map_err(refuse);
    }
    // The weights of a SavedModel; its program is not read.
    if let Some((_, variables)) = folders().find(|(name, _)| name == "variables") {
        return choose(variables);
    }
    if let Some(step) = latest(files.iter().map(|(_, path)| path)) {
        return match step.is_dir() {
            true => choose(step),
            false => Ok(step.to_owned()),
        };
    }
    match Foreign::of_folder(files.iter().map(|(name, _)| &**name)) {
        Some(foreign) => Err(foreign.refused(folder)),
        None => Err(refuse(nothing(&files))),
    }
}

/// Says that nothing is known, and which folders below have weights: a pipeline of diffusers has one
/// for each of its models.
fn nothing(files: &[(String, PathBuf)]) -> String {
    let has_weights = |path: &&PathBuf| {
        let below = list(path).ok();
        below.is_some_and(|files| of_kinds(&files).is_some())
    };
    let folders = files
        .iter()
        .map(|(_, path)| path)
        .filter(|path| path.is_dir());
    let folders: Vec<PathBuf> = folders.filter(has_weights).cloned().collect();
    let nothing = "no file of weights that is known by its name";
    match folders.is_empty() {
        true => nothing.to_owned(),
        false => format!("{nothing}, but folders that have one ({})", few(&folders)),
    }
}

/// How DeepSpeed's files of a model's state end.
const STATES: &str = "_model_states.pt";

/// The files and folders in a folder, without hidden ones.
fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') {
            files.push((name.into_owned(), path));
        }
    }
    files.sort();
    Ok(files)
}

fn ending(files: &[(String, PathBuf)], end: &str) -> Vec<PathBuf> {
    let those = files.iter().filter(|(name, _)| name.ends_with(end));
    those.map(|(_, path)| path.clone()).collect()
}

/// The file of the first kind that is there.
fn of_kinds(files: &[(String, PathBuf)]) -> Option<Result<PathBuf, String>> {
    KINDS.iter().find_map(|kind| {
        let (indexes, singles) = (ending(files, kind.index), ending(files, kind.single));
        let some = !indexes.is_empty() || !singles.is_empty();
        some.then(|| one_of(kind, indexes, singles))
    })
}

/// The file of the first other ending that is there: the only one, or the first of a model's.
fn of_others(files: &[(String, PathBuf)]) -> Option<Result<PathBuf, String>> {
    let mut found = OTHERS.iter().map(|end| (end, ending(files, end)));
    let (end, singles) = found.find(|(_, singles)| !singles.is_empty())?;
    Some(match &singles[..] {
        [single] => Ok(single.clone()),
        [first, ..] if are_parts(first, &singles) || singles.iter().all(|file| is_slice(file)) => {
            Ok(first.clone())
        }
        _ => Err(format!("{} {end} files ({})", singles.len(), few(&singles))),
    })
}

/// What stands for a checkpoint of Orbax, in the folder or in the only one below it that has such:
/// a step of training has one for each item.
fn of_orbax(files: &[(String, PathBuf)]) -> Option<Result<PathBuf, String>> {
    let listed = ORBAX.iter().find_map(|known| {
        let mut files = files.iter();
        files.find(|(name, path)| name == known && path.is_file())
    });
    if let Some((_, path)) = listed {
        return Some(Ok(path.clone()));
    }
    // T5X has no list.
    let mut arrays = files
        .iter()
        .flat_map(|(_, folder)| ZARR.map(|name| folder.join(name)));
    if let Some(array) = arrays.find(|path| path.is_file()) {
        return Some(Ok(array));
    }
    // Those of processes are parts of one that was not put together.
    let items = files
        .iter()
        .filter(|(name, _)| !name.starts_with(OF_PROCESS));
    let items = items.filter_map(|(name, folder)| {
        let mut known = ORBAX.iter().map(|known| folder.join(known));
        Some((&**name, known.find(|path| path.is_file())?))
    });
    let items: Vec<(&str, PathBuf)> = items.collect();
    let of_model = items.iter().find(|(name, _)| OF_MODEL.contains(name));
    match (&items[..], of_model) {
        ([], _) => None,
        ([(_, item)], _) | (_, Some((_, item))) => Some(Ok(item.clone())),
        (several, None) => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            Some(Err(format!(
                "{} items of Orbax ({})",
                names.len(),
                names.join(", ")
            )))
        }
    }
}

/// The folders of what each process saved, and items of a step that have the model's weights.
const OF_PROCESS: &str = "ocdbt.process_";
const OF_MODEL: [&str; 2] = ["params", "model"];

/// TensorFlow's table of variables: the only one, or that of the latest checkpoint.
fn of_tensorflow(folder: &Path, files: &[(String, PathBuf)]) -> Option<Result<PathBuf, String>> {
    let tables = ending(files, TABLE);
    Some(match &tables[..] {
        [] => return None,
        [single] => Ok(single.clone()),
        several => {
            let latest = latest_of_tensorflow(folder);
            let latest = latest.filter(|latest| several.contains(latest));
            latest.ok_or_else(|| format!("{} {TABLE} files ({})", several.len(), few(several)))
        }
    })
}

/// The text of a small file.
fn text(path: &Path) -> Option<String> {
    const MOST: u64 = 1 << 20;
    let is_small = fs::metadata(path).ok()?.len() <= MOST;
    is_small.then(|| fs::read_to_string(path).ok())?
}

/// The folder that DeepSpeed or Megatron-LM calls the latest.
fn latest_of_trainer(folder: &Path) -> Option<PathBuf> {
    let of_deepspeed = text(&folder.join("latest")).map(|name| name.trim().to_owned());
    let of_megatron = || {
        let number = text(&folder.join("latest_checkpointed_iteration.txt"))?;
        Some(format!("iter_{:07}", number.trim().parse::<u64>().ok()?))
    };
    let name = of_deepspeed.or_else(of_megatron);
    let latest = folder.join(name.filter(|name| is_plain(name))?);
    latest.is_dir().then_some(latest)
}

/// The table of the checkpoint that TensorFlow's list of them calls the latest.
fn latest_of_tensorflow(folder: &Path) -> Option<PathBuf> {
    let list = text(&folder.join("checkpoint"))?;
    let mut lines = list.lines();
    let path = lines.find_map(|line| line.strip_prefix("model_checkpoint_path:"))?;
    // The path may be that of another machine.
    let name = path.trim().trim_matches('"').rsplit(['/', '\\']).next()?;
    Some(folder.join(format!("{name}{TABLE}")))
}

/// The ending of TensorFlow's tables of variables.
const TABLE: &str = ".index";

/// The table that a file of TensorFlow's is the data of, by its name.
fn table_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (stem, part) = name.rsplit_once(".data-")?;
    let (number, count) = part.split_once("-of-")?;
    let are_digits = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    let is_data = are_digits(number) && are_digits(count);
    is_data.then(|| path.with_file_name(format!("{stem}{TABLE}")))
}

/// The ending of the files of `torch.distributed.checkpoint`, none of which says whose its tensors
/// are.
const PIECE: &str = ".distcp";

/// The file that says what a file is a piece of, if it is one, or else the file itself.
///
/// # Errors
/// There is none.
pub(super) fn whole_of(path: &Path) -> Result<PathBuf, Error> {
    if let Some(table) = table_of(path) {
        let name = table.file_name().unwrap_or_default();
        return match table.is_file() {
            true => Ok(table),
            false => Err(Error::MissingParts {
                path: path.to_owned(),
                missing: vec![name.to_string_lossy().into_owned()],
            }),
        };
    }
    if !path.to_string_lossy().ends_with(PIECE) {
        return Ok(path.to_owned());
    }
    let list = path.with_file_name(".metadata");
    match list.is_file() {
        true => Ok(list),
        false => Err(Error::Distributed {
            path: path.to_owned(),
        }),
    }
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
            "{} {} files and no index ({})",
            singles.len(),
            kind.name,
            few(&singles)
        )),
        _ => Err(format!("{} indexes ({})", indexes.len(), few(&indexes))),
    }
}

/// The names of the first files.
fn few(files: &[PathBuf]) -> String {
    const MOST: usize = 5;
    let names = files.iter().filter_map(|file| file.file_name());
    let names = names
        .take(MOST)
        .map(|name| name.to_string_lossy().into_owned());
    let more = (files.len() > MOST).then(|| "...".to_owned());
    names.chain(more).collect::<Vec<_>>().join(", ")
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
