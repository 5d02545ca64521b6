//! Fixtures that other packages made (`tests/peers`), what must be read from them, and why files
//! are refused.

#![allow(dead_code, unused_imports, reason = "each test takes a part of this")]

mod damage;

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use semilla_checkpoint::{Checkpoint, Error, Remark, open};
use tempfile::TempDir;

pub(crate) use damage::{damage, damage_within, damaged};

/// The path of a fixture.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// A folder with these files, which goes when it is dropped.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// A file of this content, in a folder that goes when it is dropped.
pub(crate) fn file_of(content: &[u8]) -> (TempDir, PathBuf) {
    let folder = folder(&[("model", content)]);
    let path = folder.path().join("model");
    (folder, path)
}

/// Opens a fixture and checks names, types, shapes, layouts and every byte against the safetensors
/// file beside it, whose metadata are the layouts.
pub(crate) fn check(name: &str) -> Box<dyn Checkpoint> {
    let found = open(fixture(name)).unwrap_or_else(|error| panic!("{name}: {}", message(&error)));
    let expected = open(fixture(&format!("{name}.safetensors"))).unwrap();
    let sorted = |checkpoint| {
        let mut names: Vec<String> = names(checkpoint).into_iter().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&*found), sorted(&*expected), "{name}");
    for (index, tensor) in found.tensors().iter().enumerate() {
        let other = expected.tensors().index_of(tensor.name()).unwrap();
        assert_eq!(tensor, &expected.tensors()[other], "{name}");
        let layout = found.layout(index).map(ToString::to_string);
        let stated = expected.metadata().get(tensor.name());
        assert_eq!(layout.as_ref(), stated, "{name}: {}", tensor.name());
        let file = found.file(index).unwrap();
        assert!(file == fixture(name) || file == fixture("onnx/external.bin"));
        let bytes = whole(&*expected, other).unwrap();
        for piece in [usize::MAX, 1, 7, 130] {
            let same = read(&*found, index, piece).unwrap() == bytes;
            assert!(same, "{name}: {} in pieces of {piece}", tensor.name());
        }
        assert!(
            scanned(&*found, index).unwrap() == bytes,
            "{name}: {}",
            tensor.name()
        );
    }
    found
}

/// All bytes of a tensor.
pub(crate) fn whole(checkpoint: &dyn Checkpoint, tensor: usize) -> Result<Vec<u8>, Error> {
    read(checkpoint, tensor, usize::MAX)
}

/// All bytes of a tensor, read in pieces.
pub(crate) fn read(
    checkpoint: &dyn Checkpoint,
    tensor: usize,
    piece: usize,
) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; checkpoint.tensors()[tensor].bytes() as usize];
    let piece = piece.min(bytes.len().max(1));
    for (index, part) in bytes.chunks_mut(piece).enumerate() {
        checkpoint.read(tensor, (index * piece) as u64, part)?;
    }
    Ok(bytes)
}

/// All bytes of a tensor of one piece, as they are looked at.
pub(crate) fn scanned(checkpoint: &dyn Checkpoint, tensor: usize) -> Result<Vec<u8>, Error> {
    let seen = Mutex::new(Vec::new());
    checkpoint.scan(tensor, &|bytes| {
        seen.lock().unwrap().extend_from_slice(bytes)
    })?;
    Ok(seen.into_inner().unwrap())
}

/// Opens a file of this content and reads all of it.
pub(crate) fn load(content: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    load_file(&file_of(content).1)
}

fn load_file(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let checkpoint = open(path)?;
    (0..checkpoint.tensors().len())
        .map(|tensor| read(&*checkpoint, tensor, 1 << 16))
        .collect()
}

/// The names of the tensors, in their order.
pub(crate) fn names(checkpoint: &dyn Checkpoint) -> Vec<&str> {
    checkpoint.tensors().iter().map(|t| t.name()).collect()
}

/// How many values were left out, by remark.
pub(crate) fn left_out(remarks: &[Remark]) -> Vec<usize> {
    remarks
        .iter()
        .filter_map(|remark| match remark {
            Remark::LeftOut { count, .. } => Some(*count),
            _ => None,
        })
        .collect()
}

/// An error and its causes in one line, which must be safe to print.
pub(crate) fn message(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message += &format!(": {error}");
        cause = error.source();
    }
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(message.len() < 2000, "{message}");
    message
}

/// Why a file cannot be opened.
pub(crate) fn refusal_at(path: &Path) -> String {
    message(&open(path).err().expect("a refusal"))
}

/// Why a file of this content cannot be opened.
pub(crate) fn refusal(content: &[u8]) -> String {
    refusal_at(&file_of(content).1)
}

/// Why a fixture cannot be opened.
pub(crate) fn fixture_refusal(name: &str) -> String {
    refusal_at(&fixture(name))
}
