//! GGUF files: what the package `gguf` reads from them, and files that are damaged or lie.

#![cfg(feature = "gguf")]

mod common;

use std::fs;

use common::{check, damage, fixture, folder, left_out, load, names, refusal};
use semilla_checkpoint::{Format, Limits, Remark, open, open_with};

#[test]
fn plain_tensors_and_metadata() {
    let file = check("gguf/plain.gguf");
    assert_eq!(file.format(), Format::Gguf);
    assert_eq!(file.remarks(), [Remark::RotaryOrder { tensors: 2 }]);
    assert!(left_out(file.remarks()).is_empty());
    assert!(file.remarks()[0].to_string().contains("2 query and key"));
    for (key, value) in [
        ("general.architecture", "llama"),
        ("u8", "200"),
        ("i8", "-7"),
        ("u16", "60000"),
        ("i16", "-30000"),
        ("u32", "2147483648"),
        ("i32", "-5"),
        ("f32", "0.5"),
        ("bool", "true"),
        ("strings", "[3 elements]"),
        ("numbers", "[3 elements]"),
        ("u64", "9223372036854775808"),
        ("i64", "-1099511627776"),
        ("f64", "0.1"),
    ] {
        assert_eq!(file.metadata()[key], value, "{key}");
    }
}

#[test]
fn quantized_tensors_equal_the_references() {
    let file = check("gguf/quantized.gguf");
    assert_eq!(file.metadata()["general.alignment"], "64");
    assert!(file.remarks().is_empty());
}

#[test]
fn tables_and_ternary_numbers_equal_the_references() {
    assert_eq!(check("gguf/newer.gguf").tensors().len(), 6);
    assert_eq!(check("gguf/grids.gguf").tensors().len(), 7);
}

#[test]
fn version_2_is_the_same() {
    let mut content = fs::read(fixture("gguf/plain.gguf")).unwrap();
    let values = load(&content).unwrap();
    content[4] = 2;
    assert_eq!(load(&content).unwrap(), values);
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [text(key), kind.to_le_bytes().to_vec(), value.to_vec()].concat()
}

fn tensor(name: &str, dims: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = text(name);
    bytes.extend((dims.len() as u32).to_le_bytes());
    bytes.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

/// A file of 64 bytes of data.
fn file(entries: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((entries.len() as u64).to_le_bytes());
    bytes.extend(entries.concat());
    bytes.extend(tensors.concat());
    let data = bytes.len().next_multiple_of(32);
    bytes.resize(data + 64, 1);
    bytes
}

#[test]
fn counts_and_versions_are_checked() {
    let good = file(&[], &[tensor("a", &[4, 2], 0, 0), tensor("b", &[8], 0, 32)]);
    assert_eq!(load(&good).unwrap(), [vec![1; 32], vec![1; 32]]);
    for (version, part) in [
        ([1, 0, 0, 0], "version 1 is not supported"),
        ([0, 0, 0, 3], "big-endian"),
        ([4, 0, 0, 0], "version 4"),
    ] {
        let mut other = good.clone();
        other[4..8].copy_from_slice(&version);
        assert!(refusal(&other).contains(part));
    }
    for (at, part) in [(8, "tensors, more than"), (16, "metadata, more than")] {
        for count in [u64::MAX, 1 << 32] {
            let mut other = good.clone();
            other[at..at + 8].copy_from_slice(&count.to_le_bytes());
            assert!(refusal(&other).contains(part));
        }
    }
    for length in 4..good.len() {
        assert!(refusal(&good[..length]).contains("truncated"), "{length}");
    }
}

#[test]
fn metadata_are_checked() {
    let message = |entries: &[Vec<u8>]| refusal(&file(entries, &[]));
    let mut long = entry("key", 8, &u64::MAX.to_le_bytes());
    assert!(message(&[long.clone()]).contains("limit for a header"));
    long.truncate(15);
    long.extend(10_000u64.to_le_bytes());
    assert!(message(&[long]).contains("truncated"));
    let array = |kind: u32, count: u64| {
        entry(
            "key",
            9,
            &[&kind.to_le_bytes()[..], &count.to_le_bytes()].concat(),
        )
    };
    assert!(message(&[array(10, u64::MAX)]).contains("truncated"));
    assert!(message(&[array(8, u64::MAX)]).contains("truncated"));
    assert!(message(&[array(0, 1 << 40)]).contains("truncated"));
    assert!(message(&[array(9, 1)]).contains("array of arrays"));
    assert!(message(&[array(13, 1)]).contains("unknown type 13"));
    assert!(message(&[entry("key", 13, &[])]).contains("unknown type 13"));
    let one = entry("a\x1b[2J", 0, &[1]);
    assert!(message(&[one.clone(), one]).contains("twice"));
    assert!(
        message(&[
            entry("key", 8, &[text(""), vec![]].concat()),
            entry("\u{7f}", 8, &text("")),
            entry("key", 0, &[0])
        ])
        .contains("twice")
    );
    for alignment in [0u32, 3, 1 << 21, u32::MAX] {
        let entry = entry("general.alignment", 4, &alignment.to_le_bytes());
        assert!(message(&[entry]).contains("power of two"), "{alignment}");
    }
    assert!(message(&[entry("general.alignment", 8, &text("32"))]).contains("power of two"));
}

#[test]
fn tensors_are_checked() {
    let message = |tensors: &[Vec<u8>]| refusal(&file(&[], tensors));
    assert!(message(&[tensor("a", &[1; 9], 0, 0)]).contains("9 dimensions"));
    let mut many = tensor("a", &[], 0, 0);
    many[9..13].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(message(&[many]).contains("dimensions"));
    assert!(message(&[tensor("a", &[1 << 62, 4], 0, 0)]).contains("more bytes than a file"));
    assert!(message(&[tensor("a", &[u64::MAX], 0, 0)]).contains("more bytes than a file"));
    assert!(message(&[tensor("a", &[1 << 40], 0, 0)]).contains("truncated"));
    assert!(message(&[tensor("a", &[4], 0, 4)]).contains("multiple of 32"));
    assert!(message(&[tensor("a", &[4], 0, 64)]).contains("truncated"));
    assert!(message(&[tensor("a", &[4], 0, u64::MAX - 31)]).contains("truncated"));
    assert!(message(&[tensor("a", &[16], 0, 0), tensor("b", &[4], 0, 32)]).contains("overlap"));
    assert!(message(&[tensor("a", &[4], 0, 0), tensor("a", &[4], 0, 32)]).contains("twice"));
    assert!(message(&[tensor("a", &[16, 2], 8, 0)]).contains("blocks of 32"));
    assert!(message(&[tensor("a", &[], 8, 0)]).contains("blocks of 32"));
    assert!(message(&[tensor("a", &[256], 41, 0)]).contains("Q1_0"));
    assert!(message(&[tensor("a", &[256], 4000, 0)]).contains("type 4000"));
    assert!(message(&[tensor(&"n".repeat(5000), &[4], 0, 0)]).contains("5000 bytes"));
    assert!(message(&[tensor("a\x07", &[4], 0, 0)]).contains("control characters"));
    let empty = file(&[], &[tensor("a", &[0, 32], 8, 0), tensor("b", &[], 0, 0)]);
    assert_eq!(load(&empty).unwrap(), [vec![], vec![1; 4]]);
}

#[test]
fn a_file_that_says_it_is_one_of_several_is_not_the_whole() {
    let part = |name: &str| {
        let count = entry("split.count", 2, &2u16.to_le_bytes());
        file(&[count], &[tensor(name, &[4, 4], 0, 0)])
    };
    let renamed = refusal(&part("a"));
    assert!(renamed.contains("one of 2 files of a model"), "{renamed}");
    let folder = tempfile::tempdir().unwrap();
    let at = |number: u32| folder.path().join(format!("m-0000{number}-of-00002.gguf"));
    fs::write(at(1), part("a")).unwrap();
    let missing = open(at(1)).err().unwrap().to_string();
    assert!(
        missing.contains("m-00002-of-00002.gguf is missing"),
        "{missing}"
    );
    fs::write(at(2), part("b")).unwrap();
    assert_eq!(names(&*open(at(2)).unwrap()), ["a", "b"]);
}

#[test]
fn limits_hold() {
    let content = file(&[entry("a", 0, &[1])], &[tensor("a", &[64], 0, 0)]);
    let small = file(&[entry("a", 0, &[1])], &[tensor("a", &[32], 2, 0)]);
    assert!(refusal(&content).contains("truncated"));
    let folder = folder(&[("model", &small)]);
    let path = folder.path().join("model");
    assert!(open(&path).is_ok());
    let default = Limits::default();
    for limits in [
        Limits {
            expansion: 0,
            ..default.clone()
        },
        Limits {
            tensors: 0,
            ..default.clone()
        },
        Limits {
            metadata: 0,
            ..default.clone()
        },
        Limits {
            header_bytes: 1,
            ..default
        },
    ] {
        assert!(open_with(&path, &limits).is_err(), "{limits:?}");
    }
}

#[test]
fn damaged_files_never_panic() {
    for name in ["plain", "quantized", "grids"] {
        damage(&format!("gguf/{name}.gguf"), 3000);
    }
}
