//! Damaged and malicious input, and disks that refuse: a clear error, and nothing half-written.

mod common;

use std::fs;
use std::path::Path;

use common::{folder, message};
use proptest::prelude::*;
use semilla::DType;
use semilla_checkpoint::{
    Error, Format, LooksLike, Malformed, Metadata, SafetensorsWriter, TensorFault, TensorInfo,
    Tensors, open,
};

fn safetensors(json: &str, data: usize) -> Vec<u8> {
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend(json.as_bytes());
    file.resize(file.len() + data, 1);
    file
}

fn one(name: &str) -> String {
    format!(r#"{{"{name}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}}}"#)
}

fn error(path: &Path) -> Error {
    open(path).err().expect("an error")
}

fn error_of(content: &[u8]) -> Error {
    let folder = folder(&[("f.safetensors", content)]);
    error(&folder.path().join("f.safetensors"))
}

fn why(error: Error) -> Malformed {
    match error {
        Error::Malformed { cause, .. } => cause,
        other => panic!("{other}"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let file = safetensors(&one("a"), 8);
    for length in 0..file.len() {
        let error = error_of(&file[..length]);
        match length {
            0..8 => assert!(
                matches!(error, Error::Unrecognized { .. }),
                "{length}: {error}"
            ),
            _ => assert!(message(&error).contains("truncated"), "{length}: {error}"),
        }
    }
    assert!(open(folder(&[("f.safetensors", &file)]).path()).is_ok());
}

#[test]
fn header_bombs_are_refused() {
    let mut file = safetensors(&one("a"), 8);
    for length in [u64::MAX, u64::MAX - 7, 1 << 40, (32 << 20) + 1] {
        file[..8].copy_from_slice(&length.to_le_bytes());
        assert!(
            matches!(why(error_of(&file)), Malformed::TooLong { .. }),
            "{length}"
        );
    }
    file[..8].copy_from_slice(&(32u64 << 20).to_le_bytes());
    assert!(matches!(
        why(error_of(&file)),
        Malformed::HeaderTruncated { .. }
    ));
    let nested = format!(r#"{{"a":{}"#, "[".repeat(100_000));
    assert!(matches!(
        why(error_of(&safetensors(&nested, 0))),
        Malformed::Json(_)
    ));
    let dims = format!(
        r#"{{"a":{{"dtype":"U8","shape":[{}1],"data_offsets":[0,1]}}}}"#,
        "1,".repeat(1_000_000)
    );
    assert!(message(&error_of(&safetensors(&dims, 1))).contains("64 dimensions"));
}

#[test]
fn impossible_tensors_are_refused() {
    let fault =
        |entry: &str, data| match why(error_of(&safetensors(&format!(r#"{{"a":{entry}}}"#), data)))
        {
            Malformed::Tensor(invalid) => invalid.fault,
            other => panic!("{other}"),
        };
    let huge = r#"{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}"#;
    assert!(matches!(fault(huge, 0), TensorFault::TooLarge(_)));
    let hidden = r#"{"dtype":"F32","shape":[0,4611686018427387904],"data_offsets":[0,0]}"#;
    assert!(matches!(fault(hidden, 0), TensorFault::TooLarge(_)));
    let out_of_range = r#"{"dtype":"F32","shape":[2],"data_offsets":[8,16]}"#;
    assert!(matches!(
        fault(out_of_range, 8),
        TensorFault::Placement { .. }
    ));
    let types = [
        ("F4", 1),
        ("F8_E4M3FNUZ", 2),
        ("C64", 16),
        ("f32", 8),
        ("\\u001b[31m", 8),
    ];
    for (dtype, bytes) in types {
        let entry = format!(r#"{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{bytes}]}}"#);
        assert!(matches!(fault(&entry, bytes), TensorFault::DType(_)));
    }
}

#[test]
fn messages_cannot_command_a_terminal() {
    for json in [
        r#"{"a\u001b[2Jb":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        "{\"a\":{\"dtype\":\"F32\",\"\\u001b[2J\":1}}",
        r#"{"a":{"dtype":"\u001b[2J\u0000","shape":[2],"data_offsets":[0,8]}}"#,
    ] {
        // Checks that no control characters are in it.
        message(&error_of(&safetensors(json, 8)));
    }
    let long = one(&"n".repeat(1_000_000));
    assert!(message(&error_of(&safetensors(&long, 8))).len() < 1000);
}

#[test]
fn other_formats_are_named() {
    for (start, name) in [
        (&b"PK\x03\x04rest"[..], "zip"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "pickle"),
        (b"\x89HDF\r\n\x1a\n\0", "HDF5"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"\x08\x08\x12\x07pytorch", "ONNX"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "git lfs pull",
        ),
    ] {
        let message = message(&error_of(start));
        assert!(message.contains(name), "{message}");
    }
    for content in [&b""[..], b"hello", b"\0\0\0\0\0\0\0\0\0"] {
        assert!(
            matches!(error_of(content), Error::Unrecognized { .. }),
            "{content:?}"
        );
    }
}

/// The 3 lowest bytes of the length of a header may spell another format's magic.
#[test]
fn files_without_weights_are_named() {
    for (content, expected) in [
        (&b""[..], LooksLike::Empty),
        (b"<!doctype html>\n<title>Sign in</title>", LooksLike::Html),
        (
            br#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}"#,
            LooksLike::Configuration,
        ),
        (b"{\"error\": \"Repository not found\"}", LooksLike::Answer),
        (b"Invalid username or password.", LooksLike::Answer),
        (b"{\"add_prefix_space\": false}", LooksLike::Configuration),
        (b"# A model\nSee below.", LooksLike::Text),
        (b"\0\0\0\0\0\0\0\0\0", LooksLike::Unknown),
    ] {
        let error = error_of(content);
        assert!(
            matches!(&error, Error::Unrecognized { found, .. } if *found == expected),
            "{}",
            message(&error)
        );
        for format in Format::ALL {
            let named = message(&error).contains(&format.to_string());
            assert_eq!(named, format.is_read(), "{error}");
        }
    }
    assert!(matches!(
        why(error_of(br#"{"a": {"dtype": "F32", "shape": 3}}"#)),
        Malformed::Json(_)
    ));
}

#[test]
fn a_length_that_looks_like_another_format() {
    for length in [0x0280u64, 0x4b50, 0x8b1f, 0x7b, 0x120808] {
        let mut json = one("a");
        json.push_str(&" ".repeat(length as usize - json.len()));
        assert!(
            open(folder(&[("f.safetensors", &safetensors(&json, 8))]).path()).is_ok(),
            "{length:x}"
        );
    }
}

fn index(map: &str) -> String {
    format!(r#"{{"metadata":{{}},"weight_map":{map}}}"#)
}

#[test]
fn an_index_and_its_shards_must_agree() {
    let (a, b) = (safetensors(&one("a"), 8), safetensors(&one("b"), 8));
    let result = |map: &str| {
        let name = "model.safetensors.index.json";
        let folder = folder(&[
            ("1.safetensors", &a),
            ("2.safetensors", &b),
            (name, index(map).as_bytes()),
        ]);
        open(folder.path()).map(|checkpoint| checkpoint.tensors().len())
    };
    assert_eq!(
        result(r#"{"a":"1.safetensors","b":"2.safetensors"}"#).unwrap(),
        2
    );
    for (map, part) in [
        (
            r#"{"a":"1.safetensors","b":"1.safetensors"}"#,
            r#"places "b""#,
        ),
        (
            r#"{"b":"1.safetensors","a":"2.safetensors"}"#,
            r#"places "b""#,
        ),
        (
            r#"{"a":"1.safetensors","b":"3.safetensors"}"#,
            "3.safetensors is missing beside it",
        ),
        (r#"{"a":"1.safetensors","b":"../2.safetensors"}"#, "refused"),
        (r#"{"a":"1.safetensors","b":"/etc/passwd"}"#, "refused"),
        (r#"{"a":"1.safetensors","a":"1.safetensors"}"#, "twice"),
    ] {
        let message = message(&result(map).unwrap_err());
        assert!(message.contains(part), "{map}: {message}");
    }
}

#[test]
fn a_tensor_in_two_shards_or_in_none_of_the_index() {
    let both = r#"{
        "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
        "b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}
    }"#;
    let (a, both) = (safetensors(&one("a"), 8), safetensors(both, 2));
    let map = index(r#"{"a":"1","b":"2"}"#);
    let folder = folder(&[("1", &a), ("2", &both), ("index.json", map.as_bytes())]);
    let error = why(error(&folder.path().join("index.json")));
    assert!(matches!(error, Malformed::NotInIndex { .. }), "{error}");
}

#[test]
fn folders_that_do_not_hold_one_model() {
    let a = safetensors(&one("a"), 8);
    let map = index(r#"{"a":"1.safetensors"}"#);
    let message = |files: &[(&str, &[u8])]| message(&error(folder(files).path()));
    assert!(message(&[("x.bin", b"x")]).contains("no file of weights that is known by its name"));
    assert!(message(&[("a.pt", b"x"), ("b.pt", b"x")]).contains("2 .pt files (a.pt, b.pt)"));
    // A pipeline of diffusers has a folder for each model.
    let pipeline = folder(&[("model_index.json", b"{}")]);
    for model in ["unet", "vae"] {
        fs::create_dir(pipeline.path().join(model)).unwrap();
        fs::write(pipeline.path().join(model).join("m.safetensors"), &a).unwrap();
    }
    let said = common::message(&error(pipeline.path()));
    assert!(said.contains("folders that have one (unet, vae)"), "{said}");
    assert!(
        message(&[("1.safetensors", &a), ("2.safetensors", &a)]).contains("2 safetensors files")
    );
    assert!(
        message(&[
            ("m.safetensors", &a),
            ("1.safetensors", &a),
            ("m.safetensors.index.json", map.as_bytes())
        ])
        .contains("both m.safetensors and an index")
    );
    assert!(matches!(error(Path::new("no/such/path")), Error::Io { .. }));
    #[cfg(unix)]
    assert!(matches!(
        error(Path::new("/dev/null")),
        Error::NotAFile { .. }
    ));
}

#[test]
fn a_file_that_shrinks_gives_an_error() {
    let folder = folder(&[("f.safetensors", &safetensors(&one("a"), 8))]);
    let checkpoint = open(folder.path()).unwrap();
    fs::write(folder.path().join("f.safetensors"), b"").unwrap();
    assert!(matches!(
        checkpoint.read(0, 0, &mut [0; 8]),
        Err(Error::Io { .. })
    ));
    assert!(matches!(
        checkpoint.read(0, 1, &mut [0; 8]),
        Err(Error::OutOfRange { .. })
    ));
    assert!(matches!(
        checkpoint.read(0, u64::MAX, &mut [0; 8]),
        Err(Error::OutOfRange { .. })
    ));
    assert!(matches!(
        checkpoint.read(1, 0, &mut []),
        Err(Error::NoSuchTensor { .. })
    ));
}

proptest! {
    #[test]
    fn a_damaged_file_never_panics(
        position in 0usize..200, byte: u8, cut in 0usize..200, sharded: bool,
    ) {
        let mut content = match sharded {
            true => index(r#"{"a":"f.safetensors"}"#).into_bytes(),
            false => safetensors(&one("a"), 8),
        };
        if let Some(place) = content.get_mut(position) {
            *place = byte;
        }
        content.truncate(content.len().max(cut) - cut / 8);
        let folder = folder(&[("f.safetensors", &content)]);
        if let Ok(checkpoint) = open(folder.path()) {
            for (tensor, info) in checkpoint.tensors().iter().enumerate() {
                let mut bytes = vec![0; info.bytes() as usize];
                let _ = checkpoint.read(tensor, 0, &mut bytes);
            }
        }
    }
}

fn writer(
    path: &Path,
    shape: &[usize],
    max_shard: Option<&str>,
) -> Result<SafetensorsWriter, Error> {
    let tensors = ["a", "b"].map(|name| TensorInfo::new(name, DType::F32, shape).unwrap());
    let max_shard = max_shard.map(|text| text.parse().unwrap());
    SafetensorsWriter::create(
        path,
        Tensors::new(tensors.into()).unwrap(),
        Metadata::new(),
        max_shard,
    )
}

#[test]
fn nothing_has_its_name_before_it_is_complete() {
    for max_shard in [None, Some("8B")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let unfinished = || {
            names(folder.path())
                .iter()
                .all(|name| name.ends_with(".partial"))
        };
        let first = writer(&path, &[2], max_shard).unwrap();
        first.write(0, 0, &[1; 8]).unwrap();
        assert!(unfinished() && !names(folder.path()).is_empty());
        drop(first);
        assert!(names(folder.path()).is_empty());

        let second = writer(&path, &[2], max_shard).unwrap();
        second.write(0, 0, &[1; 8]).unwrap();
        second.write(1, 4, &[1; 4]).unwrap();
        let error = second.finish().unwrap_err();
        assert!(
            matches!(
                error,
                Error::Incomplete {
                    written: 4,
                    size: 8,
                    ..
                }
            ),
            "{error}"
        );
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn an_earlier_file_stays_until_the_new_one_is_complete() {
    let folder = folder(&[("m.safetensors", b"old")]);
    let path = folder.path().join("m.safetensors");
    drop(writer(&path, &[1], None).unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let new = writer(&path, &[1], None).unwrap();
    (0..2).for_each(|tensor| new.write(tensor, 0, &[1; 4]).unwrap());
    new.finish().unwrap();
    assert_eq!(open(&path).unwrap().tensors().len(), 2);
    assert_eq!(names(folder.path()), ["m.safetensors"]);
}

#[test]
fn writes_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("m.safetensors"), &[2], None).unwrap();
    assert!(matches!(
        writer.write(0, 1, &[0; 8]),
        Err(Error::OutOfRange { .. })
    ));
    assert!(matches!(
        writer.write(0, u64::MAX, &[0; 8]),
        Err(Error::OutOfRange { .. })
    ));
    assert!(matches!(
        writer.write(2, 0, &[]),
        Err(Error::NoSuchTensor { .. })
    ));
    writer.write(0, 2, &[0; 4]).unwrap();
    assert!(matches!(
        writer.write(0, 5, &[0; 3]),
        Err(Error::WrittenTwice { .. })
    ));
}

#[test]
fn a_killed_writers_remains_do_not_stop_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    std::mem::forget(writer(&path, &[1], None).unwrap());
    let next = writer(&path, &[1], None).unwrap();
    (0..2).for_each(|tensor| next.write(tensor, 0, &[1; 4]).unwrap());
    next.finish().unwrap();
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn targets_that_cannot_be_written() {
    let folder = folder(&[("file", b"")]);
    let message = |path: &Path| message(&writer(path, &[1], None).unwrap_err());
    assert!(message(&folder.path().join("none/m.safetensors")).contains("create it first"));
    assert!(message(&folder.path().join("file/m.safetensors")).contains("create it first"));
    assert!(message(folder.path()).contains("it is a folder"));
    assert!(message(&folder.path().join("..")).contains("no file name"));
    assert!(message(Path::new("")).contains("no file name"));
    #[cfg(target_os = "linux")]
    {
        assert!(message(Path::new("/dev/null")).contains("not a regular file"));
        // Nobody, root included, can create files here.
        let error = writer(Path::new("/proc/m.safetensors"), &[1], None).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Io {
                    action: "create",
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_shows_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let error = writer(&path, &[1 << 55], None).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("free that much or choose another folder"),
        "{error}"
    );
    assert!(names(folder.path()).is_empty());
}
