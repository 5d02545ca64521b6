//! Checkpoints of TensorFlow 1 and 2: every element type, folders, and damage.
#![cfg(feature = "tensorflow")]

mod common;

use std::fs;

use common::{damaged, fixture, left_out, message, names, read, refusal_at, whole};
use semilla::model::Convention;
use semilla_checkpoint::{Checkpoint, Format, open};

/// Checks a fixture against the safetensors file beside it.
fn check(name: &str) -> Box<dyn Checkpoint> {
    let found = open(fixture(name)).unwrap_or_else(|error| panic!("{name}: {}", message(&error)));
    let expected = open(fixture(&format!("{name}.safetensors"))).unwrap();
    assert_eq!(found.tensors().len(), expected.tensors().len());
    for (tensor, info) in found.tensors().iter().enumerate() {
        let other = expected.tensors().index_of(info.name()).unwrap();
        assert_eq!(info, &expected.tensors()[other]);
        let values = whole(&*found, tensor).unwrap();
        assert!(
            values == whole(&*expected, other).unwrap(),
            "{}",
            info.name()
        );
    }
    found
}

#[test]
fn variables_under_their_names() {
    let objects = check("tensorflow/objects-1.index");
    let format = objects.format();
    let convention = Some(Convention::Keras);
    assert_eq!(
        (format, format.convention()),
        (Format::TensorFlow, convention)
    );
    // The moments, the rate and the counters.
    assert_eq!(left_out(objects.remarks()), [7]);
    let bert = check("tensorflow/bert.ckpt.index");
    assert_eq!(
        names(&*bert),
        [
            "bert/embeddings/word_embeddings",
            "bert/pooler/dense/bias",
            "bert/pooler/dense/kernel",
        ]
    );
}

#[test]
fn variables_in_slices_are_whole() {
    for name in ["partitioned", "boxes"] {
        let file = check(&format!("tensorflow/{name}.ckpt.index"));
        assert!(file.remarks().is_empty(), "{:?}", file.remarks());
        // In pieces of any size.
        for tensor in 0..file.tensors().len() {
            assert!(read(&*file, tensor, 7).unwrap() == whole(&*file, tensor).unwrap());
            assert!(file.files(tensor).iter().all(|path| path.is_file()));
        }
    }
}

#[test]
fn a_file_of_data_or_a_folder_is_the_checkpoint() {
    let data = open(fixture("tensorflow/bert.ckpt.data-00000-of-00001")).unwrap();
    assert_eq!(data.tensors().len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        let from = fixture(&format!("tensorflow/{from}"));
        fs::copy(from, folder.path().join(to)).unwrap()
    };
    for end in ["index", "data-00000-of-00001"] {
        copy(&format!("bert.ckpt.{end}"), &format!("bert.ckpt.{end}"));
    }
    assert_eq!(open(folder.path()).unwrap().tensors().len(), 3);
    copy("objects-1.index", "objects-1.index");
    let said = refusal_at(folder.path());
    assert!(said.contains("2 .index files"), "{said}");
    let list = "model_checkpoint_path: \"/elsewhere/bert.ckpt\"\n";
    fs::write(folder.path().join("checkpoint"), list).unwrap();
    assert_eq!(open(folder.path()).unwrap().tensors().len(), 3);
    let said = refusal_at(&folder.path().join("objects-1.index"));
    assert!(
        said.contains("objects-1.data-00000-of-00001 is missing"),
        "{said}"
    );
    fs::remove_file(folder.path().join("bert.ckpt.index")).unwrap();
    let said = refusal_at(&folder.path().join("bert.ckpt.data-00000-of-00001"));
    assert!(said.contains("bert.ckpt.index is missing"), "{said}");
}

#[test]
fn damage_is_found_or_harmless() {
    for (stem, most) in [("objects-1", 100), ("boxes.ckpt", 200)] {
        damage(stem, most);
    }
}

/// Damages a table, of which at most so many copies may be read all the same.
fn damage(stem: &str, most: usize) {
    let folder = tempfile::tempdir().unwrap();
    let name = |end: &str| folder.path().join(format!("m.{end}"));
    let data = fixture(&format!("tensorflow/{stem}.data-00000-of-00001"));
    fs::copy(data, name("data-00000-of-00001")).unwrap();
    let content = fs::read(fixture(&format!("tensorflow/{stem}.index"))).unwrap();
    let mut read = 0;
    damaged(&content, 600, |copy| {
        fs::write(name("index"), copy).unwrap();
        let Ok(file) = open(name("index")) else {
            return;
        };
        read += usize::from((0..file.tensors().len()).all(|tensor| whole(&*file, tensor).is_ok()));
    });
    // Checksums find nearly all.
    assert!(read < most, "{read}");
    // Behind right checksums.
    let is_end = |&end: &usize| content[end + 1..end + 5] == checksum(&content[..=end]);
    let end = (0..content.len() - 5).find(is_end).unwrap();
    let mut read = 0;
    damaged(&content[..end], 800, |mut block| {
        block.resize(end, 0);
        block.push(0);
        let sum = checksum(&block);
        let file = [&block[..], &sum, &content[end + 5..]].concat();
        fs::write(name("index"), file).unwrap();
        let Ok(file) = open(name("index")) else {
            return;
        };
        assert!(file.tensors().bytes() < 10_000_000);
        read += usize::from((0..file.tensors().len()).all(|tensor| whole(&*file, tensor).is_ok()));
    });
    assert!(0 < read && read < 800, "{read}");
}

/// A block's checksum: CRC-32C, turned and shifted.
fn checksum(block: &[u8]) -> [u8; 4] {
    let crc = block.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    });
    (!crc)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
        .to_le_bytes()
}
