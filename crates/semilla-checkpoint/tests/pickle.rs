//! Pickles of PyTorch made by hand: what Python can say and `torch.save` seldom does, old files,
//! and large ones.

#![cfg(feature = "torch")]

mod common;

use std::fs;
use std::io::{Cursor, Write};

use common::{file_of, message, names, refusal, whole};
use semilla_checkpoint::{Limits, open, open_with};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The opcodes of a text.
fn text(text: &str) -> Vec<u8> {
    [
        &b"X"[..],
        &(text.len() as u32).to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

/// The opcodes of a tensor of two floats; `part` is that of the storage in old files.
fn tensor(key: &str, elements: u8, part: &[u8]) -> Vec<u8> {
    [
        &b"ctorch._utils\n_rebuild_tensor_v2\n(("[..],
        &text("storage")[..],
        b"ctorch\nFloatStorage\n",
        &text(key),
        &text("cpu"),
        &[b'K', elements],
        part,
        b"tQK\0K\x02\x85K\x01\x85\x89}tR",
    ]
    .concat()
}

/// An archive of a pickle of these opcodes, and three storages of two floats.
fn archive(opcodes: &[&[u8]], method: CompressionMethod) -> Vec<u8> {
    archive_of(opcodes, method, 8)
}

/// The same with storages of another length in bytes.
fn archive_of(opcodes: &[&[u8]], method: CompressionMethod, length: usize) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("archive/data.pkl", options).unwrap();
    writer.write_all(b"\x80\x02").unwrap();
    writer.write_all(&opcodes.concat()).unwrap();
    writer.write_all(b".").unwrap();
    for key in 0..3u8 {
        let name = format!("archive/data/{key}");
        writer.start_file(name, options).unwrap();
        writer.write_all(&vec![key; length]).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn stored(opcodes: &[&[u8]]) -> Vec<u8> {
    archive(opcodes, CompressionMethod::Stored)
}

/// Checks which names an archive of these opcodes has, each with the first byte of its values.
#[track_caller]
fn check(opcodes: &[&[u8]], expected: &[(&str, u8)]) {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let (_folder, path) = file_of(&archive(opcodes, method));
        let checkpoint = open(path).unwrap();
        let first = |tensor| whole(&*checkpoint, tensor).unwrap()[0];
        let names = names(&*checkpoint).into_iter().enumerate();
        let found: Vec<_> = names.map(|(tensor, name)| (name, first(tensor))).collect();
        assert_eq!(found, expected);
    }
}

#[track_caller]
fn refused(content: &[u8], because: &str) {
    let message = refusal(content);
    assert!(message.contains(because), "{message}");
}

#[test]
fn collections_are_shared_as_in_python() {
    let [zero, one, two] = ["0", "1", "2"].map(|key| tensor(key, 2, b""));
    let [a, b, c] = ["a", "b", "c"].map(text);
    // What is put into a dictionary after it was put elsewhere; and a key that is set again keeps
    // its place.
    let opcodes: &[&[u8]] = &[
        // shared = {}; shared["a"], shared["b"] = ...
        b"}q\0(", &c, &zero, &b, &one, &c, &two, b"u0",      //
        b"]q\x010", //
        // {"a": shared, "b": items, "c": shared}
        b"}(", &a, b"h\0", &b, b"h\x01", &c, b"h\0u", //
        // items.append(...), shared["a"] = ...
        b"h\x01", &zero, b"a0h\0", &a, b"h\x01s0",
    ];
    let expected = [
        ("a.c", 2),
        ("a.b", 1),
        ("a.a.0", 0),
        ("b.0", 0),
        ("c.c", 2),
        ("c.b", 1),
        ("c.a.0", 0),
    ];
    check(opcodes, &expected);
    // Pairs, as Python 2 gives them, and then an item.
    let pairs = b"ccollections\nOrderedDict\n]](";
    check(
        &[pairs, &a, &one, b"ea\x85R", &b, &two, b"s"],
        &[("a", 1), ("b", 2)],
    );
    // A class of dictionaries, and one of lists.
    check(&[b"cmine\nDict\n)\x81(", &a, &one, b"u}b"], &[("a", 1)]);
    check(
        &[b"cmine\nList\n)\x81(", &two, &one, b"e"],
        &[("0", 2), ("1", 1)],
    );
    // Keys of which nothing is known are not one.
    let [first, second] = [b"G\0\0\0\0\0\0\0\0", b"G\0\0\0\0\0\0\0\x01"];
    refused(
        &stored(&[b"}(", first, &zero, second, b"Nu"]),
        "below a key",
    );
}

#[test]
fn values_in_themselves_end_the_walk() {
    let own = text("own");
    let cases: [&[&[u8]]; 2] = [&[b"}q\0", &own, b"h\0s"], &[b"]q\0h\0a"]];
    for opcodes in cases {
        refused(&stored(opcodes), "nesting");
    }
    // But what has no tensors may know itself.
    let (a, b, one) = (text("a"), text("b"), tensor("1", 2, b""));
    let thing = b"cmine\nThing\n)\x81q\0}";
    let opcodes: [&[u8]; 8] = [b"}(", &a, thing, &own, b"h\0sb", &b, &one, b"u"];
    check(&opcodes, &[("b", 1)]);
    let opcodes: [&[u8]; 8] = [b"}(", &b, thing, &own, &one, b"sb", &a, b"Nu"];
    refused(
        &stored(&opcodes),
        "tensor \"b\": it is inside of an object, \"Thing\" of \"mine\"",
    );
    let mut doubling = b"]q\0".to_vec();
    for _ in 0..100 {
        doubling.extend(b"](h\0h\0eq\0");
    }
    refused(&stored(&[&doubling]), "counts twice");
}

#[test]
fn pickles_that_do_not_follow_python() {
    for (opcodes, because) in [
        (&b"NN."[..], "no dictionary"),
        (b".", "takes a value"),
        (b"NNa", "puts items"),
        (b"}(Nu", "key without a value"),
        (b"NN\x93", "not what its opcode asks for"),
        (b"}\x97", "forbidden opcode"),
        (b"N(", "takes a value"),
    ] {
        let opcodes = [opcodes, b"."].concat();
        refused(&stored(&[&opcodes]), because);
    }
    let mut full = b"N".to_vec();
    full.extend(b"\x94".repeat(9 << 20));
    refused(&stored(&[&full]), "values");
}

#[test]
fn storages_are_as_long_as_they_must_be() {
    let [a, b] = ["a", "b"].map(text);
    let one = |key, elements| stored(&[b"}", &a, &tensor(key, elements, b""), b"s"]);
    let absent = "tensor \"a\": its values are not in the file";
    refused(&one("0", 3), absent);
    refused(&one("7", 2), absent);
    refused(&one("0", 1), "not all in its storage");
    let (short, long) = (tensor("0", 2, b""), tensor("0", 3, b""));
    let two = stored(&[b"}(", &a, &short, &b, &long, b"u"]);
    refused(&two, "two types or lengths");
}

/// Each tensor is small, but a walk through the whole file.
#[test]
fn strides_cannot_ask_for_more_than_their_share() {
    let mut wide = tensor("0", 101, b"");
    let stride = wide.len() - b"\x01\x85\x89}tR".len();
    wide[stride] = 100;
    let mut opcodes = b"](".to_vec();
    (0..3000).for_each(|_| opcodes.extend(&wide));
    opcodes.push(b'e');
    let (_folder, path) = file_of(&archive_of(&[&opcodes], CompressionMethod::Stored, 404));
    assert_eq!(open(&path).unwrap().tensors().len(), 3000);
    let tight = Limits {
        expansion: 2,
        ..Limits::default()
    };
    let message = message(&open_with(&path, &tight).err().unwrap());
    assert!(message.contains("lie in 1212000 bytes"), "{message}");
}

/// Files of PyTorch before 0.4 have tensors whose storages are parts of others.
#[test]
fn parts_of_storages_in_old_files() {
    let content = |last: u8| {
        let root = |start: u8| {
            let place = [b'K', start, b'K', 2];
            let part = [&b"("[..], &text("part")[..], &place, b"t"].concat();
            tensor("root", 6, &part)
        };
        let floats = [0f32, 1.0, 2.0, 3.0, 4.0, 5.0].map(f32::to_le_bytes);
        [
            &b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."[..],
            b"\x80\x02}",
            &text("little_endian")[..],
            b"\x88s.\x80\x02}(",
            &text("a"),
            &root(1),
            &text("b"),
            &root(last),
            &text("c"),
            &tensor("root", 6, b"N"),
            b"u.\x80\x02]",
            &text("root"),
            b"a.",
            &6u64.to_le_bytes(),
            &floats.concat(),
        ]
        .concat()
    };
    let (_folder, path) = file_of(&content(4));
    let checkpoint = open(path).unwrap();
    for (tensor, expected) in [[1f32, 2.0], [4.0, 5.0], [0.0, 1.0]].iter().enumerate() {
        let expected = expected.map(f32::to_le_bytes).concat();
        assert_eq!(whole(&*checkpoint, tensor).unwrap(), expected);
    }
    refused(&content(5), "leaves it");
    refused(&content(4)[..content(4).len() - 1], "the file ends before");
}

/// A file of more than 4 GiB, nearly all of it a hole: only what is asked for is read.
#[test]
#[cfg(target_os = "linux")]
fn a_large_file_is_opened_with_few_reads() {
    use std::io::{Seek, SeekFrom};

    const HOLE: u64 = 5 << 30;
    let length = [&b"\x8a\x05"[..], &HOLE.to_le_bytes()[..5]].concat();
    let large = [
        &b"ctorch._utils\n_rebuild_tensor_v2\n(("[..],
        &text("storage")[..],
        b"ctorch\nByteStorage\n",
        &text("0"),
        &text("cpu"),
        &length,
        b"tQK\0",
        &length,
        b"\x85K\x01\x85\x89}tR",
    ]
    .concat();
    let entries = [
        &text("large")[..],
        &large,
        &text("small"),
        &tensor("1", 2, b""),
    ];
    let pickle = [&b"\x80\x02}("[..], &entries.concat()[..], b"u."].concat();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pt");
    let mut file = fs::File::create(&path).unwrap();
    let mut list = Vec::new();
    for (name, bytes, hole) in [
        ("a/data.pkl", &pickle[..], 0),
        ("a/data/0", b"", HOLE),
        ("a/data/1", b"smallest", 0),
    ] {
        let at = file.stream_position().unwrap();
        let sizes = (hole + bytes.len() as u64).to_le_bytes().repeat(2);
        // Version 4.5, stored, no time, no checksum; sizes and offset in the extra field.
        let both = [
            &b"\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0"[..],
            &[0xff; 8],
            &[name.len() as u8, 0],
        ]
        .concat();
        let extra = [&[1, 0, 16, 0][..], &sizes].concat();
        let header = [
            &b"PK\x03\x04"[..],
            &both[..],
            &[20, 0],
            name.as_bytes(),
            &extra,
        ];
        file.write_all(&header.concat()).unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Current(hole as i64)).unwrap();
        let extra = [&[1, 0, 24, 0][..], &sizes, &at.to_le_bytes()].concat();
        let rest = [&[28, 0][..], &[0; 10], &[0xff; 4], name.as_bytes(), &extra].concat();
        list.extend([&b"PK\x01\x02\x2d\0"[..], &both[..], &rest].concat());
    }
    let start = file.stream_position().unwrap();
    let end = start + list.len() as u64;
    let closing = [
        &list[..],
        b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0",
        &[0; 8],
        &3u64.to_le_bytes().repeat(2),
        &(list.len() as u64).to_le_bytes(),
        &start.to_le_bytes(),
        b"PK\x06\x07\0\0\0\0",
        &end.to_le_bytes(),
        b"\x01\0\0\0PK\x05\x06\0\0\0\0",
        &[0xff; 12],
        &[0, 0],
    ];
    file.write_all(&closing.concat()).unwrap();
    assert!(start > 5 << 30);

    // What this thread has read so far, if the system counts: bytes and calls.
    let done = || -> Option<[u64; 2]> {
        let counts = fs::read_to_string("/proc/thread-self/io").ok()?;
        let find = |name| counts.lines().find_map(|line| line.strip_prefix(name));
        let count = |name| find(name)?.trim().parse().ok();
        Some([count("rchar:")?, count("syscr:")?])
    };
    let before = done();
    let checkpoint = open(&path).unwrap();
    assert_eq!(names(&*checkpoint), ["large", "small"]);
    assert_eq!(whole(&*checkpoint, 1).unwrap(), b"smallest");
    let mut last = [1; 3];
    checkpoint.read(0, HOLE - 3, &mut last).unwrap();
    assert_eq!(last, [0; 3]);
    if let Some((before, after)) = before.zip(done()) {
        let [bytes, calls] = [after[0] - before[0], after[1] - before[1]];
        assert!(
            bytes < 1 << 18 && calls < 50,
            "{bytes} bytes, {calls} calls"
        );
    }
}
