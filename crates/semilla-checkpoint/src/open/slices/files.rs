//! The files of all processes, found by the name of one.

use std::fs;
use std::path::{Path, PathBuf};

use super::rules::Family;
use crate::error::Error;

/// The most slices that are looked for.
const MOST: usize = 1000;

/// The files that hold the slices of one model, one for each process.
pub(in crate::open) struct Slices {
    pub(super) family: Family,
    /// In the order of the processes.
    pub(in crate::open) files: Vec<PathBuf>,
    folder: PathBuf,
    name: Name,
    /// The file in the folder of that name, if it is a folder's.
    below: Option<PathBuf>,
}

/// What the name of a file or of its folder says.
struct Name {
    start: &'static str,
    family: Family,
    number: usize,
    digits: usize,
    rest: String,
}

impl Name {
    /// Reads `consolidated.00.pth`, `mp_rank_00_model_states.pt` or `mp_rank_00`.
    fn of(name: &str) -> Option<Self> {
        let starts = [
            ("consolidated.", Family::Llama),
            ("mp_rank_", Family::Megatron),
        ];
        let (start, family) = starts
            .into_iter()
            .find(|(start, _)| name.starts_with(start))?;
        let rest = &name[start.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at(digits);
        (digits > 1).then_some(())?;
        Some(Self {
            start,
            family,
            number: number.parse().ok()?,
            digits,
            rest: rest.to_owned(),
        })
    }

    /// Whether a stage of a pipeline follows the slice's number.
    fn is_stage(&self) -> bool {
        let rest = self.rest.strip_prefix('_').unwrap_or_default();
        rest.len() > 1 && rest.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// Whether a file or folder has the name of a slice.
pub(in crate::open) fn is_slice(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(Name::of).is_some()
}

/// The slices that a file is one of, as its name or its folder's says; nothing if they say nothing.
///
/// # Errors
/// Files are missing, or it is a stage of a pipeline.
pub(in crate::open) fn slices(path: &Path) -> Result<Option<Slices>, Error> {
    let named = |path: &Path| Name::of(path.file_name()?.to_str()?);
    let of_folder = path
        .parent()
        .and_then(|folder| Some((folder, named(folder)?)));
    let (own, below, name) = match (named(path), of_folder) {
        (Some(name), _) => (path, None, name),
        (None, Some((folder, name))) => (folder, path.file_name(), name),
        (None, None) => return Ok(None),
    };
    if name.is_stage() {
        return Err(Error::Slice {
            path: path.to_owned(),
            problem: "a stage of a pipeline; merge the stages with the trainer that wrote them"
                .to_owned(),
        });
    }
    let folder = match own.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let listed = fs::read_dir(folder).map_err(Error::io("list", folder))?;
    let others = listed.flatten().filter_map(|entry| {
        let other = Name::of(entry.file_name().to_str()?)?;
        let is_beside = (other.start, &other.rest) == (name.start, &name.rest);
        is_beside.then_some(other.number)
    });
    let last = others.max().unwrap_or(0).max(name.number);
    if last > MOST {
        return Ok(None);
    }
    let mut slices = Slices {
        family: name.family,
        files: Vec::new(),
        folder: folder.to_owned(),
        name,
        below: below.map(PathBuf::from),
    };
    slices.files = (0..=last).map(|number| slices.file(number)).collect();
    match slices.files.iter().all(|file| file.exists()) {
        true => Ok(Some(slices)),
        false => Err(slices.missing(last + 1)),
    }
}

impl Slices {
    /// The file of a process.
    fn file(&self, number: usize) -> PathBuf {
        let Name {
            start,
            digits,
            rest,
            ..
        } = &self.name;
        let own = self.folder.join(format!("{start}{number:0digits$}{rest}"));
        self.below
            .iter()
            .fold(own, |folder, file| folder.join(file))
    }

    /// Says which of so many files are missing.
    pub(super) fn missing(&self, count: usize) -> Error {
        let files = (0..count.min(MOST)).map(|number| self.file(number));
        let name = |path: PathBuf| {
            let below = path.strip_prefix(&self.folder);
            below.unwrap_or(&path).display().to_string()
        };
        Error::MissingParts {
            path: self.files[0].clone(),
            missing: files.filter(|file| !file.exists()).map(name).collect(),
        }
    }
}
