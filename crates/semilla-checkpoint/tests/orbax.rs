//! Checkpoints of Orbax: trees and folders, both versions of Zarr, every element type, and damage.
#![cfg(feature = "orbax")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{damaged, fixture, message, names, read, refusal_at, whole};
use semilla::model::Convention;
use semilla_checkpoint::{Checkpoint, Format, open, sentences};

const FORMS: [&str; 4] = ["tree", "tree3", "folders", "folders3"];

/// Checks what a path holds against the arrays that were saved.
fn check(path: &Path) -> Box<dyn Checkpoint> {
    check_as(path, "orbax/state.safetensors")
}

fn check_as(path: &Path, expected: &str) -> Box<dyn Checkpoint> {
    let found = open(path).unwrap_or_else(|error| panic!("{path:?}: {}", message(&error)));
    let expected = open(fixture(expected)).unwrap();
    assert_eq!(found.tensors().len(), expected.tensors().len(), "{path:?}");
    for (tensor, info) in found.tensors().iter().enumerate() {
        let other = expected.tensors().index_of(info.name()).unwrap();
        assert_eq!(info, &expected.tensors()[other]);
        let bytes = whole(&*expected, other).unwrap();
        assert!(
            whole(&*found, tensor).unwrap() == bytes,
            "{path:?}: {}",
            info.name()
        );
        assert!(
            read(&*found, tensor, 7).unwrap() == bytes,
            "{path:?}: {}",
            info.name()
        );
        assert!(found.file(tensor).unwrap().is_file());
    }
    found
}

#[test]
fn every_form_holds_the_same_arrays() {
    for form in FORMS {
        let file = check(&fixture(&format!("orbax/{form}")));
        let format = file.format();
        assert_eq!(
            (format, format.convention()),
            (Format::Orbax, Some(Convention::Jax))
        );
        assert!(file.remarks().is_empty(), "{:?}", sentences(file.remarks()));
    }
    check(&fixture("orbax/tree/manifest.ocdbt"));
    check(&fixture("orbax/folders/_METADATA"));
}

#[test]
fn every_compression_of_zarr_is_unpacked() {
    let file = check_as(&fixture("orbax/packed"), "orbax/packed.safetensors");
    assert!(file.remarks().is_empty(), "{:?}", sentences(file.remarks()));
}

/// As T5X saves them: no list, and a file for what is no array.
#[test]
fn folders_of_arrays_need_no_list() {
    let root = tempfile::tempdir().unwrap();
    copy(&fixture("orbax/folders"), root.path());
    fs::remove_file(root.path().join("_METADATA")).unwrap();
    fs::write(root.path().join("checkpoint"), b"\x81\xa6target\xa1x").unwrap();
    check(root.path());
    check(&root.path().join("params.table/.zarray"));
}

#[test]
fn a_root_of_numbered_steps_is_its_latest() {
    let root = tempfile::tempdir().unwrap();
    let step = fixture("orbax/steps/3");
    for (folder, latest) in [("9", "9"), ("100", "100"), ("20", "100")] {
        copy(&step, &root.path().join(folder));
        // What was not saved to its end.
        fs::create_dir(
            root.path()
                .join(format!("{folder}00.orbax-checkpoint-tmp-1")),
        )
        .unwrap();
        let file = open(root.path()).unwrap();
        assert_eq!(names(&*file), ["a/kernel"]);
        let below = root.path().join(latest);
        assert!(file.file(0).unwrap().starts_with(below));
        let said = sentences(file.remarks()).concat();
        assert_eq!(
            said.contains(&format!("the latest, {latest:?}")),
            folder != "9",
            "{said}"
        );
    }
    for path in [
        root.path().join("9"),
        root.path().join("9/default"),
        fixture("orbax/steps"),
    ] {
        let file = open(path).unwrap();
        assert_eq!((names(&*file), file.remarks().len()), (vec!["a/kernel"], 0));
    }
}

#[test]
fn of_several_items_one_is_the_models_or_is_asked_for() {
    let step = tempfile::tempdir().unwrap();
    let item = fixture("orbax/steps/3/default");
    for name in ["opt_state", "batch_stats"] {
        copy(&item, &step.path().join(name));
    }
    let said = refusal_at(step.path());
    assert!(
        said.contains("2 items of Orbax (batch_stats, opt_state)"),
        "{said}"
    );
    copy(&item, &step.path().join("params"));
    let file = open(step.path()).unwrap();
    assert!(
        file.file(0)
            .unwrap()
            .starts_with(step.path().join("params"))
    );
}

/// A folder of one array of these chunks.
fn array(metadata: &str, chunks: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("_METADATA");
    fs::write(&list, r#"{"tree_metadata": {}}"#).unwrap();
    fs::create_dir(folder.path().join("w")).unwrap();
    for (name, content) in [&[(".zarray", metadata.as_bytes())], chunks].concat() {
        fs::write(folder.path().join("w").join(name), content).unwrap();
    }
    (folder, list)
}

fn zarr(shape: &str, chunks: &str, more: &str) -> String {
    format!(
        r#"{{"shape": {shape}, "chunks": {chunks}, "dtype": "|u1", "order": "C", "filters": null,
            "compressor": null, "fill_value": null, "zarr_format": 2 {more}}}"#
    )
}

#[test]
fn chunks_may_reach_beyond_the_edge_or_be_absent() {
    let metadata = zarr("[3, 5]", "[2, 3]", "");
    let chunks: [(&str, &[u8]); 3] = [
        ("0.0", &[1, 2, 3, 6, 7, 8]),
        ("0.1", &[4, 5, 99, 9, 10, 99]),
        ("1.0", &[11, 12, 13, 99, 99, 99]),
    ];
    let (folder, list) = array(&metadata, &chunks);
    let file = open(&list).unwrap();
    let values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0];
    assert_eq!(whole(&*file, 0).unwrap(), values);
    // Where zeros are stored, what is absent is missing.
    let stored = r#"{"tree_metadata": {}, "store_array_data_equal_to_fill_value": true}"#;
    fs::write(&list, stored).unwrap();
    let error = whole(&*open(folder.path()).unwrap(), 0).unwrap_err();
    assert!(
        message(&error).contains("chunk \"1.1\" is missing"),
        "{}",
        message(&error)
    );
}

#[test]
fn what_cannot_be_read_is_left_out_or_refused() {
    for (metadata, part) in [
        (zarr("[2]", "[0]", ""), "do not fit"),
        (zarr("[2, 2]", "[1]", ""), "do not fit"),
        (zarr("[2]", "[1000000000000]", ""), "do not fit"),
        (
            zarr("[2]", "[1]", r#", "x": 1"#).replace("|u1", "<c8"),
            "dtype \"<c8\"",
        ),
        (
            zarr("[2]", "[1]", "").replace("\"C\"", "\"F\""),
            "C's order",
        ),
        (
            zarr("[2]", "[1]", "")
                .replace(r#""compressor": null"#, r#""compressor": {"id": "bz2"}"#),
            "compressed with \"bz2\"",
        ),
        (zarr("[2000000]", "[1]", ""), "2000000 chunks"),
        ("{}".to_owned(), "cannot be read"),
    ] {
        let (_folder, list) = array(&metadata, &[]);
        let said = sentences(open(&list).unwrap().remarks()).concat();
        assert!(said.contains(part), "{part}: {said}");
    }
    let (_folder, list) = array(&zarr("[1000000, 1000000]", "[1000000, 1000000]", ""), &[]);
    assert!(refusal_at(&list).contains("more than"));
    let (_folder, list) = array(&zarr("[2]", "[2]", ""), &[("0", &[1])]);
    let error = whole(&*open(&list).unwrap(), 0).unwrap_err();
    assert!(
        message(&error).contains("has not the bytes"),
        "{}",
        message(&error)
    );
}

/// A copy of a fixture's folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// Opens damaged copies of one file of a folder; answers how many were read to the end.
fn damage(form: &str, file: &str, copies: u32, mend: impl Fn(&mut Vec<u8>)) -> u32 {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture(&format!("orbax/{form}")), folder.path());
    let path = folder.path().join(file);
    let content = fs::read(&path).unwrap();
    let mut accepted = 0;
    damaged(&content, copies, |mut copy| {
        mend(&mut copy);
        fs::write(&path, copy).unwrap();
        let Ok(file) = open(folder.path()) else {
            return;
        };
        assert!(file.tensors().bytes() < 100_000_000);
        let mut tensors = 0..file.tensors().len();
        accepted += u32::from(tensors.all(|tensor| whole(&*file, tensor).is_ok()));
    });
    accepted
}

/// Gives a node its own length and checksum.
fn sealed(node: &mut Vec<u8>) {
    node.resize(node.len().max(16), 0);
    let end = node.len() - 4;
    let length = node.len() as u64;
    node[4..12].copy_from_slice(&length.to_le_bytes());
    let crc = node[..end].iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    });
    node[end..].copy_from_slice(&(!crc).to_le_bytes());
}

#[test]
fn damage_is_found_or_harmless() {
    // A checksum finds it, and behind a right one it does no harm.
    assert!(damage("tree", "manifest.ocdbt", 100, |_| ()) < 5);
    damage("tree", "manifest.ocdbt", 300, sealed);
    let root = fs::read_dir(fixture("orbax/tree/d"))
        .unwrap()
        .next()
        .unwrap();
    let root = format!("d/{}", root.unwrap().file_name().to_str().unwrap());
    damage("tree", &root, 300, sealed);
    for (form, file) in [
        ("folders", "_METADATA"),
        ("folders", "params.table/.zarray"),
        ("folders", "params.Dense_0.kernel/1.2"),
        ("packed", "bits.f2/1.1"),
        ("packed", "blosclz.i4/0.0"),
        ("packed", "lz4/1.1"),
        ("packed", "lz4.u1/0.0"),
        ("packed", "zlib.f2/0.0"),
        ("folders3", "params.table/zarr.json"),
        ("folders3", "params.Dense_0.kernel/c/0/1"),
    ] {
        damage(form, file, 100, |_| ());
    }
}

/// Nodes that lie plain in a file, so that mutations reach what they say.
#[test]
fn plain_nodes_may_say_anything() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("d")).unwrap();
    let node = |magic: [u8; 4], content: &[u8]| {
        let head = [&magic[..], &[0; 8], &[0, 0], content, &[0; 4]].concat();
        let mut node = head;
        sealed(&mut node);
        node
    };
    let metadata = zarr("[2]", "[2]", "");
    let mut leaf = vec![0, 0, 2, 2, 9, 1];
    leaf.extend(b"w/.zarray0");
    let length = metadata.len();
    leaf.extend([length as u8 & 0x7f | 0x80, (length >> 7) as u8, 2, 0, 0]);
    leaf.extend(metadata.as_bytes());
    leaf.extend([7, 8]);
    let write = |leaf: &[u8]| {
        let leaf = node([0x0c, 0xdb, 0x20, 0xde], leaf);
        fs::write(at("d/a"), &leaf).unwrap();
        let mut manifest = vec![0; 16];
        manifest.extend([0, 1, 1, 4, 0, 1, 3, 0]);
        manifest.extend(b"d/a");
        manifest.extend([
            1,
            1,
            0,
            0,
            0,
            leaf.len() as u8 & 0x7f | 0x80,
            (leaf.len() >> 7) as u8,
        ]);
        manifest.extend([2, 1, 0]);
        manifest.extend([0; 9]);
        let manifest = node([0x0c, 0xdb, 0x3a, 0x2a], &manifest);
        fs::write(at("manifest.ocdbt"), manifest).unwrap();
        open(folder.path())
    };
    let file = write(&leaf).unwrap_or_else(|error| panic!("{}", message(&error)));
    assert_eq!(whole(&*file, 0).unwrap(), [7, 8]);
    damaged(&leaf, 800, |copy| {
        if let Ok(file) = write(&copy) {
            (0..file.tensors().len()).for_each(|tensor| drop(whole(&*file, tensor)));
        }
    });
}
