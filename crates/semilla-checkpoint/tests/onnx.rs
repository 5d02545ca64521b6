//! ONNX models: what the package `onnx` reads from them, and models that are damaged or lie.

#![cfg(feature = "onnx")]

mod common;

use std::fs;

use common::{check, damage, fixture, folder, left_out, load, read, refusal};
use semilla_checkpoint::{Format, Limits, open, open_with};

#[test]
fn nodes_give_names_and_layouts() {
    let model = check("onnx/roles.onnx");
    assert_eq!(model.format(), Format::Onnx);
    assert_eq!(model.metadata()["author"], "nobody");
    assert_eq!(model.metadata()["producer_name"], "semilla");
    assert_eq!(left_out(model.remarks()), [1, 1]);
}

#[test]
fn every_type_as_bytes_and_as_numbers() {
    let model = check("onnx/types.onnx");
    assert_eq!(left_out(model.remarks()), [1, 1, 1]);
}

#[test]
fn branches_and_loops() {
    check("onnx/branches.onnx");
}

#[test]
fn values_in_a_file_beside() {
    let model = check("onnx/external.onnx");
    let position = |name| model.tensors().index_of(name).unwrap();
    let file = |name| model.file(position(name)).unwrap().file_name().unwrap();
    assert_eq!(file("a"), "external.bin");
    assert_eq!(file("inside"), "external.onnx");
    assert_eq!(model.file(3), None);
}

/// A field of Protocol Buffers: a run of bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    field.extend(varint(content.len() as u64));
    field.extend(content);
    field
}

/// A field of Protocol Buffers: an integer.
fn integer(number: u8, value: u64) -> Vec<u8> {
    [vec![number << 3], varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A tensor named `w`.
fn tensor(dims: &[u64], data_type: u64, data: &[u8]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|&dim| integer(1, dim)).collect();
    let parts: [Vec<u8>; 4] = [dims, integer(2, data_type), bytes(8, b"w"), data.to_vec()];
    parts.concat()
}

/// A model whose graph has this content.
fn model(graph: &[u8]) -> Vec<u8> {
    [integer(1, 8), bytes(7, graph)].concat()
}

fn model_of(tensor: &[u8]) -> Vec<u8> {
    model(&bytes(5, tensor))
}

fn external(location: &str, offset: &str, length: &str) -> Vec<u8> {
    let entry = |key: &str, value: &str| {
        bytes(
            13,
            &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat(),
        )
    };
    [
        entry("location", location),
        entry("offset", offset),
        entry("length", length),
        integer(14, 1),
    ]
    .concat()
}

const TWO_FLOATS: [u8; 8] = [0, 0, 128, 63, 0, 0, 0, 64];

#[test]
fn numbers_in_any_arrangement() {
    let packed = bytes(4, &TWO_FLOATS);
    let chunks = [bytes(4, &TWO_FLOATS[..4]), bytes(4, &TWO_FLOATS[4..])].concat();
    let single = |at| [&[4 << 3 | 5], &TWO_FLOATS[at..at + 4]].concat();
    let unpacked = [single(0), single(4)].concat();
    for data in [packed, chunks, unpacked, bytes(9, &TWO_FLOATS)] {
        assert_eq!(
            load(&model_of(&tensor(&[2], 1, &data))).unwrap(),
            [TWO_FLOATS]
        );
    }
    let ones: Vec<u8> = (0..17).flat_map(|_| integer(7, u64::MAX)).collect();
    let values = load(&model_of(&tensor(&[17], 7, &ones))).unwrap();
    assert_eq!(values, [vec![0xff; 8 * 17]]);
}

#[test]
fn values_that_do_not_fit() {
    let message =
        |dims: &[u64], data_type, data: &[u8]| refusal(&model_of(&tensor(dims, data_type, data)));
    let raw = bytes(9, &TWO_FLOATS);
    assert!(message(&[3], 1, &raw).contains("need 12 bytes and there are 8"));
    assert!(message(&[1 << 62, 4], 1, &raw).contains("more bytes than a file"));
    assert!(message(&[u64::MAX], 1, &raw).contains("more bytes than a file"));
    assert!(message(&[2], 1, &[]).contains("need 8 bytes and there are 0"));
    assert!(message(&[1; 65], 1, &raw).contains("64 dimensions"));
    assert!(message(&[2], 1, &[raw.clone(), raw.clone()].concat()).contains("twice"));
    assert!(message(&[2], 1, &[raw.clone(), bytes(4, &TWO_FLOATS)].concat()).contains("twice"));
    assert!(message(&[20], 6, &bytes(4, &[0; 80])).contains("20 values of F32"));
    assert!(message(&[20], 6, &bytes(5, &[1; 19])).contains("19 values of I32"));
    assert!(message(&[2], 1, &bytes(4, &[0; 7])).contains("not stored as its type asks"));
    assert!(message(&[2], 22, &raw).contains("INT4"));
    assert!(message(&[2], 99, &raw).contains("unknown"));
    assert!(message(&[2], 1, &bytes(3, &[])).contains("segments"));
}

#[test]
fn files_beside_are_in_the_same_folder_and_long_enough() {
    let message = |location: &str, offset: &str, length: &str| {
        let model = model_of(&tensor(&[2], 1, &external(location, offset, length)));
        let folder = folder(&[("model", &model), ("data", &[0; 16])]);
        open(folder.path().join("model"))
            .map(drop)
            .map_err(|error| common::message(&error))
    };
    assert_eq!(message("data", "8", "8"), Ok(()));
    for location in [
        "../data",
        "/etc/passwd",
        "",
        ".",
        "..",
        "a/data",
        "a\\data",
        "data\n",
    ] {
        assert!(
            message(location, "0", "8").unwrap_err().contains("refused"),
            "{location}"
        );
    }
    assert!(
        message("none", "0", "8")
            .unwrap_err()
            .contains("cannot open")
    );
    assert!(
        message("data", "9", "8")
            .unwrap_err()
            .contains("there are 7")
    );
    assert!(
        message("data", "18446744073709551615", "8")
            .unwrap_err()
            .contains("there are 0")
    );
    assert!(
        message("data", "0", "4")
            .unwrap_err()
            .contains("there are 4")
    );
    assert!(
        message("data", "-1", "8")
            .unwrap_err()
            .contains("not a number")
    );
}

#[test]
fn a_file_beside_that_shrinks_gives_an_error() {
    let content = model_of(&tensor(&[2], 1, &external("data", "0", "8")));
    let folder = folder(&[("model", &content), ("data", &[0; 8])]);
    let checkpoint = open(folder.path().join("model")).unwrap();
    fs::write(folder.path().join("data"), b"").unwrap();
    assert!(read(&*checkpoint, 0, 8).is_err());
}

#[test]
fn shared_values_cannot_fill_the_memory() {
    let shared = tensor(&[2], 1, &external("data", "0", "8"));
    let graph: Vec<u8> = (0..9)
        .flat_map(|index| bytes(5, &[shared.clone(), bytes(8, &[b'a' + index])].concat()))
        .collect();
    let folder = folder(&[("model", &model(&graph)), ("data", &[0; 8])]);
    let path = folder.path().join("model");
    let tight = Limits {
        expansion: 0,
        ..Limits::default()
    };
    assert!(open(&path).is_ok());
    assert!(open_with(&path, &tight).is_err());
    let few = Limits {
        tensors: 5,
        ..Limits::default()
    };
    assert!(open_with(&path, &few).is_err());
}

/// An `If` within an `If` within...
#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    let graph = |depth: usize| {
        (0..depth).fold(Vec::new(), |inner, _| {
            bytes(1, &bytes(5, &[bytes(1, b"g"), bytes(6, &inner)].concat()))
        })
    };
    assert!(load(&model(&graph(31))).is_ok());
    assert!(refusal(&model(&graph(32))).contains("nested"));
    assert!(refusal(&model(&graph(2000))).contains("nested"));
}

/// A node's long name, and a branch's, are part of the names of many tensors.
#[test]
fn long_names_do_not_multiply() {
    let long = "n".repeat(1 << 20);
    let weight = |name: &str| {
        let own = bytes(8, name.as_bytes());
        bytes(5, &[tensor(&[2], 1, &bytes(9, &TWO_FLOATS)), own].concat())
    };
    let inputs: Vec<u8> = (0..1000u32)
        .flat_map(|input| bytes(1, input.to_string().as_bytes()))
        .collect();
    let weights: Vec<u8> = (0..1000u32)
        .flat_map(|input| weight(&input.to_string()))
        .collect();
    let node = bytes(1, &[inputs, bytes(3, long.as_bytes())].concat());
    assert!(refusal(&model(&[node, weights].concat())).contains("too long"));
    let branches: Vec<u8> = (0..20)
        .flat_map(|_| bytes(5, &[bytes(1, b"g"), bytes(6, &weight("w"))].concat()))
        .collect();
    let node = bytes(1, &[bytes(3, long.as_bytes()), branches].concat());
    assert!(refusal(&model(&node)).contains("too long"));
}

#[test]
fn a_file_cut_anywhere_does_not_panic() {
    let content = fs::read(fixture("onnx/roles.onnx")).unwrap();
    let graph_end = content.len() - 40;
    for length in 0..content.len() {
        let loaded = load(&content[..length]);
        assert!(loaded.is_err() || length >= graph_end, "{length}");
    }
    assert!(refusal(&[8, 8, 0x3a, 0xff]).contains("no end"));
    assert!(refusal(&[8, 8, 0x3a, 0x7f, 1]).contains("truncated"));
    assert!(refusal(&[8, 8, 0x12, 0]).contains("no graph"));
    assert!(refusal(&[8, 8, 0x3a, 1, 0x0b]).contains("unknown kind"));
}

#[test]
fn contradictions_are_refused() {
    let one = bytes(5, &tensor(&[2], 1, &bytes(9, &TWO_FLOATS)));
    assert!(refusal(&model(&[one.clone(), one].concat())).contains("occurs twice"));
    assert!(refusal(&[model(&[]), model(&[])].concat()).contains("two graphs"));
    let name = [
        tensor(&[2], 1, &bytes(9, &TWO_FLOATS)),
        bytes(8, b"\x1b[2J"),
    ]
    .concat();
    assert!(refusal(&model_of(&name)).contains("control characters"));
    let not_text = [tensor(&[2], 1, &bytes(9, &TWO_FLOATS)), bytes(8, b"\xff")].concat();
    assert!(refusal(&model_of(&not_text)).contains("UTF-8"));
}

#[test]
fn damaged_files_never_panic() {
    for name in ["roles", "types", "branches", "external"] {
        damage(&format!("onnx/{name}.onnx"), 2000);
    }
}
