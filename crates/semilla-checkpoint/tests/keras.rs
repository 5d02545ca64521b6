//! HDF5 files of Keras 2 and 3, `.keras` archives and plain HDF5 files, made by
//! `tests/peers/keras_fixtures.py`: every tensor, its name and its bytes; and files that attack.

#![cfg(feature = "keras")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{damaged, message, names, refusal_at};
use semilla_checkpoint::{Checkpoint, Format, Keras, Limits, Remark, open, open_with};
use serde::Deserialize;

const READABLE: [&str; 12] = [
    "trained.weights.h5",
    "chain.weights.h5",
    "trained.keras",
    "trained.h5",
    "deflated.keras",
    "halves.weights.h5",
    "kinds.keras",
    "twins.keras",
    "keras_2.hdf5",
    "keras_2_weights.h5",
    "keras_2_13.weights.h5",
    "plain.h5",
];

/// Indexes of shards.
const SHARDED: [&str; 2] = ["shards.weights.json", "whole.weights.json"];

#[derive(Debug, PartialEq, Deserialize)]
struct Expected {
    dtype: String,
    shape: Vec<usize>,
    bytes: String,
}

fn fixture(name: &str) -> PathBuf {
    common::fixture("keras").join(name)
}

fn content(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tensor's bytes, read in pieces of three.
fn values(checkpoint: &dyn Checkpoint, tensor: usize) -> Vec<u8> {
    common::read(checkpoint, tensor, 3).unwrap()
}

fn remarks(name: &str) -> Vec<String> {
    let checkpoint = open(fixture(name)).unwrap();
    checkpoint.remarks().iter().map(Remark::to_string).collect()
}

fn layout(name: &str, tensor: &str) -> Option<String> {
    let checkpoint = open(fixture(name)).unwrap();
    let tensor = checkpoint.tensors().index_of(tensor).unwrap();
    checkpoint.layout(tensor).map(ToString::to_string)
}

fn refusal(name: &str) -> String {
    refusal_at(&fixture(name))
}

#[test]
fn every_tensor_has_its_name_and_its_bytes() {
    for name in READABLE.into_iter().chain(SHARDED) {
        let json = content(&format!("{name}.json"));
        let expected: BTreeMap<String, Expected> = serde_json::from_slice(&json).unwrap();
        let checkpoint = open(fixture(name)).unwrap();
        let read: BTreeMap<String, Expected> = checkpoint
            .tensors()
            .iter()
            .enumerate()
            .map(|(i, tensor)| {
                let found = Expected {
                    dtype: tensor.dtype().to_string(),
                    shape: tensor.shape().to_vec(),
                    bytes: hex(&values(&*checkpoint, i)),
                };
                (tensor.name().to_owned(), found)
            })
            .collect();
        assert_eq!(read, expected, "{name}");
        assert_eq!(checkpoint.format(), Format::Keras);
        if READABLE.contains(&name) {
            assert_eq!(checkpoint.file(0), Some(&*fixture(name)));
        }
        assert_eq!(checkpoint.file(expected.len()), None);
    }
}

#[test]
fn files_and_memory_give_the_same() {
    for name in READABLE {
        let from_file = open(fixture(name)).unwrap();
        let path = Path::new(name);
        let from_memory = Keras::from_bytes(path, content(name), &Limits::default()).unwrap();
        assert_eq!(names(&*from_file), names(&from_memory), "{name}");
        for tensor in 0..from_file.tensors().len() {
            assert_eq!(values(&*from_file, tensor), values(&from_memory, tensor));
        }
    }
}

#[test]
fn the_order_is_that_of_the_lists_or_natural() {
    let keras_2 = open(fixture("keras_2.hdf5")).unwrap();
    let first = ["conv2d_1/kernel", "conv2d_1/bias", "conv2d_2/kernel"];
    assert_eq!(names(&*keras_2)[..3], first);
    let plain = open(fixture("plain.h5")).unwrap();
    let of_blocks: Vec<&str> = names(&*plain)
        .into_iter()
        .filter(|name| name.starts_with("block"))
        .collect();
    let natural = [
        "block_2/packed",
        "block_2/sums",
        "block_10/half",
        "block_10/reversed",
    ];
    assert_eq!(of_blocks, natural);
}

#[test]
fn what_is_left_out_is_counted() {
    let optimizer = "7 optimizer weights left out";
    assert_eq!(remarks("trained.weights.h5"), [optimizer]);
    assert_eq!(remarks("trained.keras"), [optimizer]);
    let below = "the weights lie below \"model_weights\"";
    assert_eq!(remarks("trained.h5"), [below, optimizer]);
    assert_eq!(
        remarks("keras_2.hdf5"),
        [below, "1 optimizer weights left out"]
    );
    assert_eq!(remarks("twins.keras"), [""; 0]);
    let generator = "1 states of random generators left out";
    let repeated = "1 values kept a second time as layer dependencies left out";
    assert_eq!(remarks("keras_2_13.weights.h5"), [generator, repeated]);
    let unlisted = "1 datasets that the file's list of layers does not name left out";
    assert_eq!(remarks("keras_2_weights.h5"), [unlisted]);
    assert_eq!(remarks("plain.h5"), [""; 0]);
    let metadata = open(fixture("keras_2.hdf5")).unwrap();
    assert_eq!(metadata.metadata()["keras_version"], "2.0.5");
    assert_eq!(metadata.metadata()["backend"], "tensorflow");
}

#[test]
fn layouts_are_stated_where_names_do_not_tell() {
    let kinds = |tensor| layout("kinds.keras", tensor);
    assert_eq!(kinds("up/kernel").unwrap(), "WOI^T");
    assert_eq!(kinds("mix/kernel").unwrap(), "WEO");
    assert_eq!(kinds("split/pointwise_kernel").unwrap(), "WIO");
    assert_eq!(kinds("one/kernel"), None);
    let query = layout("twins.keras", "attention/query/kernel");
    assert_eq!(query.unwrap(), "IOO");
    assert_eq!(layout("trained.h5", "head/kernel"), None);
}

#[test]
fn nothing_outside_the_file_is_read() {
    // The files next to these would be read if any were.
    for name in ["link.h5", "indirect.h5"] {
        let message = refusal(name);
        assert!(message.contains("another file, \"other.h5\""), "{message}");
    }
    let message = refusal("storage.h5");
    assert!(message.contains("lie in another file"), "{message}");
    let message = refusal("virtual.h5");
    assert!(message.contains("virtual dataset"), "{message}");
}

#[test]
fn bombs_are_refused() {
    for name in ["bomb.h5", "padded.h5", "bomb.keras"] {
        let message = refusal(name);
        assert!(message.contains("Limits::expansion"), "{message}");
    }
    let message = refusal("cycle.h5");
    assert!(message.contains("two links"), "{message}");
}

#[test]
fn elements_that_no_tensor_has_are_named() {
    for name in ["text.h5", "odd.h5"] {
        let message = refusal(name);
        assert!(message.contains("elements that are"), "{message}");
    }
}

#[test]
fn limits_are_the_callers() {
    let refused = |name: &str, limits: Limits| {
        let error = open_with(fixture(name), &limits).err().expect(name);
        message(&error)
    };
    let few = Limits {
        tensors: 5,
        ..Limits::default()
    };
    assert!(refused("plain.h5", few.clone()).contains("Limits::tensors"));
    assert!(refused("shards.weights.json", few).contains("the limit of 5"));
    let small = Limits {
        decoded_bytes: 100,
        ..Limits::default()
    };
    assert!(refused("plain.h5", small.clone()).contains("Limits::decoded_bytes"));
    assert!(refused("deflated.keras", small).contains("Limits::decoded_bytes"));
    let flat = Limits {
        expansion: 1,
        ..Limits::default()
    };
    assert!(refused("deflated.keras", flat.clone()).contains("Limits::expansion"));
    assert!(open_with(fixture("trained.keras"), &flat).is_ok());
}

/// The weights of an archive lie in it as they are: they are read in place, and their checksum is
/// compared first.
#[test]
fn a_changed_value_in_an_archive_is_noticed() {
    let json = content("trained.keras.json");
    let expected: BTreeMap<String, Expected> = serde_json::from_slice(&json).unwrap();
    let kernel = &expected["head/kernel"].bytes;
    let kernel: Vec<u8> = (0..kernel.len() / 2)
        .map(|i| u8::from_str_radix(&kernel[2 * i..][..2], 16).unwrap())
        .collect();
    let mut file = content("trained.keras");
    let place = file.windows(kernel.len()).position(|bytes| bytes == kernel);
    file[place.unwrap()] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.keras");
    fs::write(&path, &file).unwrap();
    let checkpoint = open(&path).unwrap();
    let error = message(&checkpoint.read(0, 0, &mut [0]).unwrap_err());
    assert!(error.contains("checksum"), "{error}");
    let error = Keras::from_bytes(&path, file, &Limits::default()).err();
    assert!(message(&error.unwrap()).contains("checksum"));
}

/// A model's description can name code: it is not even parsed.
#[test]
fn the_description_of_a_model_is_not_read() {
    let mut file = content("trained.keras");
    let start = file.windows(9).position(|bytes| bytes == b"{\"module\"");
    let start = start.expect("a description");
    let length = file[start..]
        .iter()
        .take_while(|byte| **byte != b'P')
        .count();
    file[start..start + length].fill(b'[');
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    fs::write(&path, file).unwrap();
    let (found, expected) = (
        open(&path).unwrap(),
        open(fixture("trained.keras")).unwrap(),
    );
    assert_eq!(names(&*found), names(&*expected));
    for tensor in 0..found.tensors().len() {
        assert_eq!(values(&*found, tensor), values(&*expected, tensor));
    }
}

/// A layer's variables may lie in two shards, and its name in a third.
#[test]
fn shards_give_what_one_file_gives() {
    for (sharded, whole) in [
        ("shards.weights.json", "trained.weights.h5"),
        ("whole.weights.json", "chain.weights.h5"),
    ] {
        let (shards, one) = (
            open(fixture(sharded)).unwrap(),
            open(fixture(whole)).unwrap(),
        );
        assert_eq!(names(&*shards), names(&*one));
        for tensor in 0..one.tensors().len() {
            assert_eq!(values(&*shards, tensor), values(&*one, tensor));
        }
        assert_eq!(remarks(sharded), remarks(whole));
    }
    let shards = open(fixture("shards.weights.json")).unwrap();
    let file = |name| shards.file(shards.tensors().index_of(name).unwrap());
    let shard = |number| fixture(&format!("shards_0000{number}.weights.h5"));
    assert_eq!(file("stem/kernel"), Some(&*shard(0)));
    assert_eq!(file("stem/bias"), Some(&*shard(1)));
}

/// What opening shards with another index gives.
fn with_index(edit: impl Fn(&str) -> String) -> Result<Box<dyn Checkpoint>, String> {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture("")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("shards_") {
            fs::copy(&path, folder.path().join(name)).unwrap();
        }
    }
    fs::copy(
        fixture("shards_00000.weights.h5"),
        folder.path().join("again.weights.h5"),
    )
    .unwrap();
    fs::write(folder.path().join("torch.pt"), b"PK\x03\x04").unwrap();
    let index = String::from_utf8(content("shards.weights.json")).unwrap();
    let edited = edit(&index);
    let path = folder.path().join("model.weights.json");
    fs::write(&path, edited).unwrap();
    open(&path).map_err(|error| message(&error))
}

#[test]
fn an_index_of_keras_and_its_shards_must_agree() {
    assert!(with_index(str::to_owned).is_ok());
    let refused = |from: &str, to: &str, because: &str| {
        let edit = |index: &str| {
            assert!(index.contains(from), "{index}");
            index.replacen(from, to, 1)
        };
        let message = with_index(edit).err().expect(because);
        assert!(message.contains(because), "{message}");
    };
    let (first, second) = (
        r#""shards_00000.weights.h5""#,
        r#""shards_00001.weights.h5""#,
    );
    refused(first, r#""../shards_00000.weights.h5""#, "is refused");
    refused(first, r#""/shards_00000.weights.h5""#, "is refused");
    refused(
        first,
        r#""shards_00009.weights.h5""#,
        "shards_00009.weights.h5 is missing",
    );
    refused(first, second, "occurs twice");
    refused(first, r#""torch.pt""#, "as Keras HDF5");
    refused(
        first,
        &format!(r#""again.weights.h5", {first}"#),
        "occurs twice",
    );
    refused("/layers/conv2d/vars", "/layers/conv2d_9/vars", "conv2d_9");
    let bn = "/layers/batch_normalization/vars";
    refused(bn, "/layers/conv2d/vars", "occurs twice");
    let moved = |index: &str| {
        let (before, after) = index.split_once(bn).unwrap();
        format!("{before}{bn}{}", after.replacen(second, first, 1))
    };
    let message = with_index(moved).err().unwrap();
    assert!(message.contains("places \"/layers/batch_normalization/vars\" in \"shards_00000"));
}

#[test]
fn a_folder_stands_for_the_shards_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let shards = ["whole_00000.weights.h5", "whole_00001.weights.h5"];
    for name in shards {
        fs::copy(fixture(name), folder.path().join(name)).unwrap();
    }
    let opened = || open(folder.path()).map_err(|error| message(&error));
    let message = opened().err().unwrap();
    assert!(
        message.contains("2 weights.h5 files and no index"),
        "{message}"
    );
    let index = folder.path().join("whole.weights.json");
    fs::copy(fixture("whole.weights.json"), index).unwrap();
    assert_eq!(opened().unwrap().tensors().len(), 4);
    let whole = folder.path().join("whole.weights.h5");
    fs::copy(fixture("chain.weights.h5"), whole).unwrap();
    let message = opened().err().unwrap();
    assert!(
        message.contains("both whole.weights.h5 and an index"),
        "{message}"
    );
}

#[test]
fn shards_that_name_a_layer_differently_are_refused() {
    let message = refusal("torn.weights.json");
    assert!(
        message.contains("calls the layer \"layers/dense\" \"name_1\""),
        "{message}"
    );
}

/// Lists and reads whatever can be.
fn exercise(bytes: Vec<u8>) -> bool {
    let Ok(checkpoint) = Keras::from_bytes(Path::new("f"), bytes, &Limits::default()) else {
        return false;
    };
    for (i, tensor) in checkpoint.tensors().iter().enumerate() {
        let mut into = vec![0; tensor.bytes().min(1 << 20) as usize];
        let _ = checkpoint.read(i, 0, &mut into);
        let _ = checkpoint.layout(i);
    }
    true
}

#[test]
fn damaged_files_give_errors() {
    let hostile = [
        "bomb.h5",
        "link.h5",
        "indirect.h5",
        "storage.h5",
        "virtual.h5",
    ];
    for name in READABLE.into_iter().chain(hostile) {
        damaged(&content(name), 3000, |copy| {
            exercise(copy);
        });
    }
}

#[test]
fn truncated_files_give_errors() {
    for name in READABLE {
        let file = content(name);
        let step = file.len().div_ceil(300);
        for len in (0..file.len()).step_by(step) {
            exercise(file[..len].to_vec());
        }
        assert!(exercise(file), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.h5");
    let file = content("trained.h5");
    fs::write(&path, &file[..file.len() / 2]).unwrap();
    let message = refusal_at(&path);
    assert!(message.contains("truncated"), "{message}");
}
