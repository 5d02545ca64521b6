//! Compressed files: what they hold, and no more than they may.
#![cfg(feature = "compressed")]

mod common;

use std::fs;
use std::io::Write;

use common::{damaged, file_of, fixture, load, message, names, refusal, whole};
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use semilla_checkpoint::{Limits, open, open_with};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    compress_to_vec(content, CompressionLevel::Fastest)
}

#[test]
fn any_format_is_read_through_gzip_and_zstd() {
    for name in [
        "dtypes.pt.safetensors",
        "dtypes.pt",
        "legacy.pt",
        "plain.npy",
        "stored.npz",
    ] {
        let content = fs::read(fixture(name)).unwrap();
        let plain = open(fixture(name)).unwrap();
        for packed in [gzip(&content), zstd(&content)] {
            let (_folder, path) = file_of(&packed);
            let found = open(&path).unwrap();
            assert_eq!(found.tensors().len(), plain.tensors().len(), "{name}");
            // An array has the name of its file.
            if name != "plain.npy" {
                assert_eq!(names(&*found), names(&*plain));
            }
            for tensor in 0..plain.tensors().len() {
                assert_eq!(
                    whole(&*found, tensor).unwrap(),
                    whole(&*plain, tensor).unwrap()
                );
            }
            assert_eq!(found.file(0), Some(&*path));
            assert_eq!((found.format(), found.file(99)), (plain.format(), None));
        }
        // Packed in parts, one after the other.
        let (first, second) = content.split_at(content.len() / 2);
        for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
            assert!(
                load(&[pack(first), pack(second)].concat()).is_ok(),
                "{name}"
            );
        }
    }
}

#[test]
fn what_cannot_be_unpacked_names_the_file_that_was_given() {
    let content = fs::read(fixture("dtypes.pt")).unwrap();
    for (packed, part) in [
        (gzip(&content)[..content.len() / 9].to_vec(), "cut short"),
        (zstd(&content)[..40].to_vec(), "cut short"),
        (gzip(&gzip(&content)), "compressed twice"),
        (gzip(b"<html></html>"), "HTML page"),
        (
            gzip(&[&[b'a'; 257][..], b"ustar\x0000", &[0; 250]].concat()),
            "tar -xf",
        ),
        (zstd(&content[..content.len() / 2]), "zip archive"),
    ] {
        let (_folder, path) = file_of(&packed);
        let error = message(&open(&path).err().unwrap());
        assert!(error.contains(part), "{part}: {error}");
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        let rest = error.replace(path.to_str().unwrap(), "");
        assert!(!rest.contains(".tmp"), "{error}");
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 1 << 20];
    for packed in [gzip(&zeros), zstd(&zeros)] {
        let (_folder, path) = file_of(&packed);
        let limits = Limits {
            expansion: 10,
            ..Limits::default()
        };
        let error = message(&open_with(&path, &limits).err().unwrap());
        assert!(error.contains("more than 10 times its size"), "{error}");
    }
}

#[test]
fn damage_is_found_or_harmless() {
    let content = fs::read(fixture("dtypes.pt.safetensors")).unwrap();
    for packed in [gzip(&content), zstd(&content)] {
        damaged(&packed, 300, |copy| drop(load(&copy)));
    }
    assert!(refusal(&[0x1f, 0x8b]).contains("cannot unpack"));
}
