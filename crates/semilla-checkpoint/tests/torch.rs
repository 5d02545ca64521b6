//! Files of PyTorch: the values that PyTorch saved, and what an attacker may save.

#![cfg(feature = "torch")]

mod common;

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use common::{check, damage_within, fixture, fixture_refusal, message, names, refusal, refusal_at};
use semilla_checkpoint::{Format, Limits, Remark, open, open_with};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

#[test]
fn every_element_type() {
    let checkpoint = check("dtypes.pt");
    assert_eq!(checkpoint.format(), Format::Torch);
    assert!(checkpoint.remarks().is_empty());
}

#[test]
fn views_and_shared_storage_in_every_container() {
    for name in [
        "views.pt",
        "legacy.pt",
        "protocol4.pt",
        "compressed.pt",
        "twenty-one-characters.pt",
    ] {
        let checkpoint = check(name);
        let order = [
            "base",
            "transposed",
            "columns",
            "row",
            "expanded",
            "permuted",
            "scalar",
            "empty",
            "tied",
        ];
        assert_eq!(names(&*checkpoint), order, "{name}");
        assert!(checkpoint.remarks().is_empty(), "{name}");
    }
}

#[test]
fn a_whole_module_is_its_state_dict() {
    for name in ["module.pt", "module-legacy.pt"] {
        let checkpoint = check(name);
        let remarks: Vec<_> = checkpoint.remarks().iter().map(Remark::to_string).collect();
        assert!(remarks.is_empty(), "{name}: {remarks:?}");
        assert_eq!(names(&*checkpoint)[..2], ["conv.weight", "conv.bias"]);
    }
    let checkpoint = check("buffers.pt");
    let order = ["kept", "first.weight", "second.weight"];
    assert_eq!(names(&*checkpoint), order);
}

#[test]
fn programs_give_their_weights() {
    for name in [
        "script.pt",
        "program.pt",
        "traced.pt",
        "exported.pt2",
        "exported-old.pt2",
    ] {
        let checkpoint = check(name);
        let remarks: Vec<_> = checkpoint.remarks().iter().map(Remark::to_string).collect();
        assert!(remarks.is_empty(), "{name}: {remarks:?}");
    }
}

#[test]
fn one_dictionary_under_two_names() {
    let checkpoint = check("reused.pt");
    assert!(checkpoint.remarks().is_empty());
}

#[test]
fn newer_element_types() {
    let checkpoint = check("float8.pt");
    assert!(checkpoint.remarks().is_empty());
    let order = ["e4m3", "e5m2", "turned", "u16", "scale"];
    assert_eq!(names(&*checkpoint), order);
}

#[test]
fn parameters_and_lists() {
    let checkpoint = check("parameters.pt");
    assert!(checkpoint.remarks().is_empty());
    let order = ["plain", "marked", "buffer", "7.0", "7.1.0", "7.1.1"];
    assert_eq!(names(&*checkpoint), order);
}

#[test]
fn wrappers_stay_in_the_names() {
    let checkpoint = check("wrapped.pt");
    assert!(checkpoint.remarks().is_empty());
    assert_eq!(names(&*checkpoint)[0], "state_dict.conv.weight");
}

#[test]
fn commands_are_reported_and_not_run() {
    for name in ["command.pt", "command-legacy.pt"] {
        let checkpoint = open(fixture(name)).unwrap();
        assert_eq!(names(&*checkpoint), ["weight"], "{name}");
        let [remark @ Remark::PickleGlobal { module, name }] = checkpoint.remarks() else {
            panic!("{name}: {:?}", checkpoint.remarks());
        };
        assert_eq!(
            [module.to_string(), name.to_string()],
            ["\"posix\"", "\"system\""]
        );
        assert!(remark.is_suspicious());
    }
    assert!(fixture_refusal("command.pkl").contains("pickle"));
    assert!(!Path::new("semilla-was-here").exists());
}

#[test]
fn what_cannot_be_read_is_named() {
    for (name, part) in [
        ("quantized.pt", "tensor \"q\""),
        ("complex.pt", "tensor \"c\""),
        ("meta.pt", "tensor \"m\""),
        ("zero3.pt", "zero_to_fp32.py"),
        ("negated.pt", "resolve_neg()"),
        (
            "object.pt",
            "\"Namespace\" of \"argparse\"; save its state_dict()",
        ),
        ("key.pt", "below a key"),
        ("storage.pt", "\"s\": it is a storage"),
        ("nameless.pt", "without a name"),
        ("ambiguous.pt", "two tensors have the name \"a.b\""),
    ] {
        let message = fixture_refusal(name);
        assert!(message.contains(part), "{name}: {message}");
    }
}

#[test]
fn what_cannot_be_read_beside_weights_is_left_out() {
    let checkpoint = open(fixture("sparse.pt")).unwrap();
    assert_eq!(names(&*checkpoint), ["ok"]);
    let [remark @ Remark::Unreadable { name, .. }] = checkpoint.remarks() else {
        panic!("{:?}", checkpoint.remarks());
    };
    assert_eq!(name, "s");
    assert!(remark.to_string().contains("to_dense()"), "{remark}");
}

#[test]
fn a_small_file_cannot_declare_much() {
    let refused = fixture_refusal("expand.pt");
    assert!(refused.contains("1000 times the file"), "{refused}");
    let generous = Limits {
        expansion: u64::MAX,
        ..Limits::default()
    };
    assert!(open_with(fixture("expand.pt"), &generous).is_ok());
    let tight = Limits {
        decoded_bytes: 1 << 20,
        ..generous
    };
    let refused = message(&open_with(fixture("expand.pt"), &tight).err().unwrap());
    assert!(
        refused.contains("tensor \"0\" has 8589934592 bytes"),
        "{refused}"
    );
    let few = Limits {
        tensors: 3,
        ..Limits::default()
    };
    let refused = message(&open_with(fixture("views.pt"), &few).err().unwrap());
    assert!(refused.contains("limit"), "{refused}");
}

/// The entries of an archive.
fn entries(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(fs::File::open(fixture(name)).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            std::io::copy(&mut entry, &mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn archive(entries: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(&**name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn archives_that_readers_understand_differently() {
    let mut two = entries("views.pt");
    let pickle = two
        .iter()
        .find(|(name, _)| name.ends_with("/data.pkl"))
        .unwrap()
        .1
        .clone();
    two.push(("data.pkl".to_owned(), pickle));
    let message = refusal(&archive(&two, CompressionMethod::Stored));
    assert!(message.contains("2 entries named data.pkl"), "{message}");

    let mut files = entries("views.pt");
    let order = files
        .iter_mut()
        .find(|(name, _)| name.ends_with("/byteorder"));
    order.unwrap().1 = b"big".to_vec();
    let message = refusal(&archive(&files, CompressionMethod::Stored));
    assert!(message.contains("big-endian"), "{message}");

    // The writer refuses a repeated name, so it is made of another of the same length.
    let mut twice = entries("views.pt");
    let (name, bytes) = twice[0].clone();
    let other = "x".repeat(name.len());
    twice.push((other.clone(), bytes));
    let content = archive(&twice, CompressionMethod::Stored);
    let message = refusal(&replace(&content, other.as_bytes(), name.as_bytes()));
    assert!(message.contains("one name"), "{message}");

    // The list at the end and the header before an entry disagree.
    let place = find(&content, other.as_bytes()).unwrap();
    let mut content = content;
    content[place] = b'y';
    let message = refusal(&content);
    assert!(message.contains("another name"), "{message}");
}

fn find(content: &[u8], part: &[u8]) -> Option<usize> {
    content
        .windows(part.len())
        .position(|window| window == part)
}

fn replace(content: &[u8], part: &[u8], by: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    while let Some(place) = find(&content, part) {
        content[place..place + by.len()].copy_from_slice(by);
    }
    content
}

/// A folder of two fixtures as the shards of an index.
fn sharded(second: &str, map: &[(&str, &[&str])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str, to: &str| fs::copy(fixture(name), folder.path().join(to)).unwrap();
    copy("views.pt", "pytorch_model-1.bin");
    copy(second, "pytorch_model-2.bin");
    copy("expand.pt", "training_args.bin");
    let lines = map.iter().flat_map(|(shard, names)| {
        let line = move |name: &&str| format!("{name:?}: {shard:?}");
        names.iter().map(line)
    });
    let lines: Vec<String> = lines.collect();
    let index = format!("{{\"weight_map\": {{{}}}}}", lines.join(", "));
    fs::write(folder.path().join("pytorch_model.bin.index.json"), index).unwrap();
    folder
}

const VIEWS: [&str; 9] = [
    "base",
    "transposed",
    "columns",
    "row",
    "expanded",
    "permuted",
    "scalar",
    "empty",
    "tied",
];

#[test]
fn shards_of_an_index_are_one_model() {
    let second = open(fixture("command.pt")).unwrap();
    let map = [
        ("pytorch_model-1.bin", &VIEWS[..]),
        ("pytorch_model-2.bin", &["weight"][..]),
    ];
    let folder = sharded("command.pt", &map);
    let model = open(folder.path()).unwrap();
    assert_eq!(model.format(), Format::Torch);
    assert_eq!(names(&*model), [&VIEWS[..], &["weight"]].concat());
    assert_eq!(
        common::whole(&*model, 9).unwrap(),
        common::whole(&*second, 0).unwrap()
    );
    let first = open(fixture("views.pt")).unwrap();
    for tensor in 0..9 {
        assert_eq!(
            common::whole(&*model, tensor).unwrap(),
            common::whole(&*first, tensor).unwrap()
        );
    }
    assert!(model.file(9).unwrap().ends_with("pytorch_model-2.bin"));
    assert_eq!(model.file(10), None);
    assert!(model.read(10, 0, &mut []).is_err());
    assert_eq!(model.remarks(), second.remarks());
}

#[test]
fn an_index_and_its_shards_must_agree() {
    let first = ("pytorch_model-1.bin", &VIEWS[..]);
    let refused = |second: &str, map: &[(&str, &[&str])]| refusal_at(sharded(second, map).path());
    let of_second: fn(&'static [&'static str]) -> (&'static str, &'static [&'static str]) =
        |names| ("pytorch_model-2.bin", names);
    let message = refused("command.pt", &[first, of_second(&["other"])]);
    assert!(message.contains("places \"other\""), "{message}");
    let message = refused("dtypes.pt", &[first, of_second(&["float64"])]);
    assert!(message.contains("does not place there"), "{message}");
    let message = refused("plain.npy", &[first, of_second(&["plain"])]);
    assert!(message.contains("another format"), "{message}");
    let message = refused("command.pt", &[first, ("../views.pt", &["weight"])]);
    assert!(message.contains("refused"), "{message}");
    let message = refused("views.pt", &[first, of_second(&VIEWS)]);
    assert!(message.contains("twice"), "{message}");
}

/// What transformers saves beside a model is not a second one.
#[test]
fn a_folder_with_one_file_of_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["pytorch_model.bin", "training_args.bin", "optimizer.pt"] {
        fs::copy(fixture("views.pt"), folder.path().join(name)).unwrap();
    }
    assert_eq!(names(&*open(folder.path()).unwrap()), VIEWS);
    fs::copy(
        fixture("views.pt.safetensors"),
        folder.path().join("model.safetensors"),
    )
    .unwrap();
    assert_eq!(open(folder.path()).unwrap().format(), Format::Safetensors);
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    fs::copy(fixture("views.pt"), folder.path().join("second_model.bin")).unwrap();
    let message = refusal_at(folder.path());
    assert!(
        message.contains("2 model.bin files and no index"),
        "{message}"
    );
}

#[test]
fn bombs_do_not_go_off() {
    let mut large = entries("views.pt");
    large.push(("archive/data/bomb".to_owned(), vec![0; 64 << 20]));
    let tight = Limits {
        expansion: 100,
        ..Limits::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.pt");
    fs::write(&path, archive(&large, CompressionMethod::Deflated)).unwrap();
    let message = message(&open_with(&path, &tight).err().unwrap());
    assert!(message.contains("unpack to"), "{message}");

    let pickle = |bytes: Vec<u8>| {
        archive(
            &[("archive/data.pkl".to_owned(), bytes)],
            CompressionMethod::Stored,
        )
    };
    let limit = "more than the limit";
    assert!(refusal(&pickle(vec![b'N'; 33 << 20])).contains(limit));
    assert!(refusal(&pickle(vec![b'N'; 9 << 20])).contains("values"));
    let mut doubling = b"\x80\x02]q\0".to_vec();
    for _ in 0..100 {
        doubling.extend(b"h\0h\0\x86q\0");
    }
    doubling.push(b'.');
    assert!(refusal(&pickle(doubling)).contains("PyTorch"));
    let mut deep = b"\x80\x02".to_vec();
    deep.extend(b"}X\x01\0\0\0a".repeat(100_000));
    deep.push(b'N');
    deep.extend(b"s".repeat(100_000));
    deep.push(b'.');
    assert!(refusal(&pickle(deep)).contains("nesting"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for name in ["views.pt", "legacy.pt"] {
        let content = fs::read(fixture(name)).unwrap();
        for length in (0..content.len()).step_by(7) {
            refusal(&content[..length]);
        }
    }
}

#[test]
fn a_folder_of_zeros_third_stage_is_answered_with_its_command() {
    let root = tempfile::tempdir().unwrap();
    let step = root.path().join("global_step5");
    fs::create_dir(&step).unwrap();
    for rank in 0..2 {
        let state = step.join(format!("zero_pp_rank_{rank}_mp_rank_00_model_states.pt"));
        fs::copy(fixture("zero3.pt"), state).unwrap();
        let moments = step.join(format!("zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"));
        fs::copy(fixture("views.pt"), moments).unwrap();
    }
    fs::write(root.path().join("latest"), "global_step5").unwrap();
    let said = refusal_at(root.path());
    let at = root.path().display();
    let command = format!("python {at}/zero_to_fp32.py {at} model --tag global_step5");
    assert!(said.contains(&command), "{said}");
}

#[test]
fn damaged_files_never_panic() {
    let names = [
        "dtypes.pt",
        "views.pt",
        "legacy.pt",
        "protocol4.pt",
        "module.pt",
        "wrapped.pt",
        "compressed.pt",
        "command.pt",
        "command-legacy.pt",
        "command.pkl",
        "expand.pt",
        "sparse.pt",
        "script.pt",
        "exported.pt2",
        "float8.pt",
        "buffers.pt",
        "module-legacy.pt",
    ];
    for name in names {
        let content = fs::read(fixture(name)).unwrap();
        damage_within(&content, 300, <[u8]>::to_vec);
    }
}

/// Behind right checksums, which stop most of the mutations of whole files.
#[test]
fn damaged_pickles_never_panic() {
    for name in [
        "views.pt",
        "protocol4.pt",
        "module.pt",
        "wrapped.pt",
        "dtypes.pt",
        "sparse.pt",
        "float8.pt",
        "parameters.pt",
        "buffers.pt",
    ] {
        let mut files = entries(name);
        let is_pickle = |(name, _): &(String, _)| name.ends_with("/data.pkl");
        let place = files.iter().position(is_pickle).unwrap();
        let (path, pickle) = files.remove(place);
        damage_within(&pickle, 500, |mutated| {
            let mut files = files.clone();
            files.push((path.clone(), mutated.to_vec()));
            archive(&files, CompressionMethod::Stored)
        });
    }
}
