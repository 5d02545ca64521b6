//! Files that are one part of a model, as their names say.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The most parts that are looked for; names have five digits.
const MOST: u32 = 99_999;

/// The files of the model that a file is part `i` of `N` of (`model-00001-of-00003.safetensors`),
/// in order; none if its name does not say so, or says that it is the only one.
pub(super) fn siblings(path: &Path) -> Option<Vec<PathBuf>> {
    let name = path.file_name()?.to_str()?;
    let (before, after) = name.rsplit_once("-of-")?;
    let (stem, number) = before.rsplit_once('-')?;
    let digits = number.len();
    let (count, ending) = after.split_at_checked(digits)?;
    let are_digits = |text: &str| text.len() > 1 && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(number) || !are_digits(count) || ending.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let (number, count): (u32, u32) = (number.parse().ok()?, count.parse().ok()?);
    let is_part = (1..=count).contains(&number) && (2..=MOST).contains(&count);
    let of = format!("{count:0digits$}{ending}");
    let sibling = |number| path.with_file_name(format!("{stem}-{number:0digits$}-of-{of}"));
    is_part.then(|| (1..=count).map(sibling).collect())
}

/// # Errors
/// Some of the files are not there. `path` is what asks for them.
pub(super) fn check_present(path: &Path, files: &[PathBuf]) -> Result<(), Error> {
    let absent = files.iter().filter(|file| !file.exists());
    let names = absent.filter_map(|file| file.file_name());
    let missing: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::MissingParts {
            path: path.to_owned(),
            missing,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_speak_of_others() {
        let names = |name: &str| -> Option<Vec<String>> {
            let files = siblings(&Path::new("folder").join(name))?;
            let names = files.iter().map(|file| file.display().to_string());
            Some(names.collect())
        };
        assert_eq!(
            names("m-00002-of-00002.safetensors").unwrap(),
            [
                "folder/m-00001-of-00002.safetensors",
                "folder/m-00002-of-00002.safetensors"
            ]
        );
        assert_eq!(names("q4-0-00003-of-00012.gguf").unwrap().len(), 12);
        for whole in [
            "m.safetensors",
            "m-00001-of-00001.safetensors",
            "m-00000-of-00002.safetensors",
            "m-00003-of-00002.safetensors",
            "m-1-of-2.bin",
            "m-00001-of-0002.bin",
            "m-00001-of-000002.bin",
            "best-of-both.bin",
            "-of-",
            "m-\u{e9}\u{e9}-of-\u{e9}.bin",
        ] {
            assert_eq!(names(whole), None, "{whole}");
        }
    }
}
