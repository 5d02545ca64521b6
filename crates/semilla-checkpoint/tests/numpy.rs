//! Arrays of NumPy: the values that NumPy saved, and damaged or hostile ones.

#![cfg(feature = "numpy")]

mod common;

use std::fs;

use common::{check, damage_within, fixture, fixture_refusal, message, names, refusal};
use semilla_checkpoint::{Format, Limits, open, open_with};

#[test]
fn every_element_type_and_order() {
    for name in ["stored.npz", "compressed.npz"] {
        let checkpoint = check(name);
        assert_eq!(checkpoint.format(), Format::Numpy);
        assert_eq!(names(&*checkpoint)[..3], ["f8", "f4", "f2"], "{name}");
    }
    check("plain.npy");
    check("columns.npy");
}

#[test]
fn what_cannot_be_read_is_named() {
    for (name, parts) in [
        ("objects.npy", ["|O", "Python objects"]),
        ("text.npz", ["\"names\"", "<U1"]),
    ] {
        let message = fixture_refusal(name);
        for part in parts {
            assert!(message.contains(part), "{name}: {message}");
        }
    }
}

#[test]
fn what_cannot_be_read_beside_weights_is_left_out() {
    let checkpoint = open(fixture("objects.npz")).unwrap();
    assert_eq!(names(&*checkpoint), ["fine"]);
    assert_eq!(common::whole(&*checkpoint, 0).unwrap().len(), 48);
    let remarks: Vec<String> = checkpoint.remarks().iter().map(|r| r.to_string()).collect();
    assert_eq!(remarks.len(), 1);
    assert!(remarks[0].starts_with("left out \"odd\"") && remarks[0].contains("Python objects"));
}

/// An array file with this dictionary and so many bytes of data.
fn npy(header: &str, data: usize) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 1);
    file
}

#[test]
fn shapes_must_fit_the_file() {
    let header =
        |shape: &str| format!("{{'descr': '<f4', 'fortran_order': True, 'shape': {shape}}}");
    for shape in [
        "(1099511627776, 4)",
        "(4611686018427387904, 4611686018427387904)",
        "(0, 18446744073709551615)",
        "(3,)",
        "(1,)",
    ] {
        let message = refusal(&npy(&header(shape), 8));
        assert!(message.contains("bytes"), "{shape}: {message}");
    }
    let dims = format!("({})", "1,".repeat(65));
    assert!(refusal(&npy(&header(&dims), 4)).contains("65 dimensions"));
    let mut long = b"\x93NUMPY\x02\0".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    assert!(refusal(&long).contains("limit"));
    assert!(refusal(b"\x93NUMPY\x09\0\0\0").contains("version 9"));
}

#[test]
fn what_must_be_decoded_whole_is_bounded() {
    let tight = Limits {
        decoded_bytes: 20,
        ..Limits::default()
    };
    assert!(open_with(fixture("plain.npy"), &tight).is_ok());
    for name in ["columns.npy", "compressed.npz"] {
        let message = message(&open_with(fixture(name), &tight).err().unwrap());
        assert!(message.contains("limit of 20"), "{name}: {message}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for name in ["plain.npy", "stored.npz", "compressed.npz"] {
        let content = fs::read(fixture(name)).unwrap();
        for length in (0..content.len()).step_by(7) {
            refusal(&content[..length]);
        }
    }
}

#[test]
fn a_damaged_entry_fails_when_it_is_read() {
    let mut content = fs::read(fixture("compressed.npz")).unwrap();
    let name = content
        .windows(6)
        .position(|bytes| bytes == b"f8.npy")
        .unwrap();
    content[name + 60] ^= 0x55;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    fs::write(&path, content).unwrap();
    if let Ok(checkpoint) = open(&path) {
        assert!(common::whole(&*checkpoint, 0).is_err());
    }
}

/// What lies in an archive as it is, is read in place, and its checksum is compared all the same.
#[test]
fn a_changed_value_in_an_uncompressed_archive_is_noticed() {
    let mut content = fs::read(fixture("stored.npz")).unwrap();
    let dictionary = content
        .windows(6)
        .position(|bytes| bytes == b"f8.npy")
        .unwrap();
    // Behind the entry's name come 128 bytes of the array's header.
    content[dictionary + 6 + 20 + 128] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    fs::write(&path, content).unwrap();
    let checkpoint = open(&path).unwrap();
    let message = message(&common::whole(&*checkpoint, 0).unwrap_err());
    assert!(message.contains("checksum"), "{message}");
    assert!(common::whole(&*checkpoint, 1).is_ok());
}

#[test]
fn damaged_files_never_panic() {
    let names = [
        "plain.npy",
        "columns.npy",
        "stored.npz",
        "compressed.npz",
        "objects.npy",
        "objects.npz",
    ];
    for name in names {
        let content = fs::read(fixture(name)).unwrap();
        damage_within(&content, 500, <[u8]>::to_vec);
    }
}
