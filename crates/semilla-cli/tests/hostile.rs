//! Files made to harm, through the real binary: exit code 2 and a sentence safe to print, in bounded memory, and
//! nothing read, run or written besides.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The address space of a command in KiB, its program and the stacks of its threads among it.
const MOST_KIB: u32 = 150 << 10;

/// `semilla` in an address space of so many KiB.
fn bounded(kib: u32) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -v {kib}; exec \"$@\""))
        .arg("sh")
        .arg(assert_cmd::cargo::cargo_bin("semilla"))
        // One heap: glibc sets 64 MiB of addresses aside for each thread's, used or not.
        .env("MALLOC_ARENA_MAX", "1");
    command
}

/// `semilla init` of a file from itself, in a folder of its own.
fn take(path: &Path) -> (Output, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let output = bounded(MOST_KIB)
        .args(["init", "--threads", "2", "--from"])
        .args([path, path])
        .args(["-o", "out.safetensors"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    (output, folder)
}

fn refused(path: &Path, because: &str) {
    let (output, folder) = take(path);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}: {said}", path.display());
    assert!(said.contains(because), "{}: {said}", path.display());
    let is_command = |c: char| c.is_control() && c != '\n';
    assert!(!said.contains(is_command) && said.len() < 2000, "{said:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../semilla-checkpoint/tests/fixtures")
        .join(name)
}

/// Refuses a file of this content, and of this name.
fn refused_content(name: &str, content: &[u8], because: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    refused(&path, because);
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

#[test]
fn a_pickle_is_not_run_whatever_its_file_is_called() {
    for name in ["command.pt", "command-legacy.pt"] {
        for called in ["model.pt", "model.safetensors", "model.h5"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(called);
            fs::copy(fixture(name), &path).unwrap();
            let (output, made) = take(&path);
            assert!(output.status.success(), "{called}: {output:?}");
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(said.contains("\"system\" of \"posix\""), "{said}");
            let files: Vec<_> = fs::read_dir(made.path()).unwrap().flatten().collect();
            assert_eq!(files.len(), 1, "{files:?}");
        }
    }
    refused(&fixture("command.pkl"), "holds no arrays of NumPy");
}

#[test]
fn what_two_readers_may_understand_differently_is_refused() {
    refused(&fixture("ambiguous.pt"), "two tensors have the name");
    let twice = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    refused_content("m.safetensors", &safetensors(twice, 1), "occurs twice");
    let one = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    refused_content(
        "m.safetensors",
        &safetensors(one, 2),
        "follow the last tensor",
    );
    let hole = one.replace("[0,1]}", "[1,2]}");
    refused_content("m.safetensors", &safetensors(&hole, 2), "nor leave holes");
}

#[test]
fn no_other_file_is_read() {
    for name in ["link.h5", "indirect.h5", "storage.h5", "virtual.h5"] {
        refused(&fixture("keras").join(name), "other");
    }
    let index = r#"{"weight_map":{"a":"../../secret"}}"#;
    refused_content(
        "model.safetensors.index.json",
        index.as_bytes(),
        "is refused",
    );
    refused_content(
        "pytorch_model.bin.index.json",
        index.as_bytes(),
        "is refused",
    );
    let index = r#"{"weight_map":{"/layers/dense/vars":["../../secret"]}}"#;
    refused_content("model.weights.json", index.as_bytes(), "is refused");
}

#[test]
fn small_files_do_not_fill_the_memory() {
    for name in ["bomb.h5", "padded.h5", "bomb.keras"] {
        refused(&fixture("keras").join(name), "Limits::expansion");
    }
    refused(&fixture("expand.pt"), "1000 times the file");
    let mut long = safetensors("{}", 0);
    long[..8].copy_from_slice(&(1u64 << 31).to_le_bytes());
    refused_content("m.safetensors", &long, "more than the limit");
    let mut gguf = b"GGUF\x03\0\0\0".to_vec();
    gguf.extend(u64::MAX.to_le_bytes());
    gguf.extend(1u64.to_le_bytes());
    refused_content("m.gguf", &gguf, "more than");
    gguf[8..16].copy_from_slice(&0u64.to_le_bytes());
    gguf.extend(3u64.to_le_bytes());
    gguf.extend(b"key");
    gguf.extend(8u32.to_le_bytes());
    gguf.extend(u64::MAX.to_le_bytes());
    refused_content("m.gguf", &gguf, "limit for a header");
}

/// A header of 31 MiB lists half a million tensors: a dozen times its size beside the program, and no time that grows with the square.
#[test]
fn long_lists_are_inspected_in_bounded_memory() {
    const TENSORS: usize = 560_000;
    const MOST_KIB: u32 = 450 << 10;
    let entry = |n| format!(r#""t{n}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    let entries: Vec<String> = (0..TENSORS).map(entry).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let file = safetensors(&format!("{{{}}}", entries.join(",")), 0);
    assert!(file.len() > 31 << 20);
    fs::write(&path, file).unwrap();
    let inspected = |form: &[&str]| {
        let output = bounded(MOST_KIB)
            .arg("inspect")
            .arg(&path)
            .args(form)
            .env("RAYON_NUM_THREADS", "2")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        output.stdout
    };
    for form in ["--full", "--json"] {
        let said = inspected(&[form]);
        let rows = said
            .windows(4)
            .filter(|text| text == b"F32 " || text == b"F32\"");
        assert_eq!(rows.count(), TENSORS);
    }
    let said = String::from_utf8(inspected(&[])).unwrap();
    assert!(said.contains("t{0..559999} ×560000"), "{said}");
}

#[test]
fn names_cannot_command_a_terminal() {
    let entry = r#":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    let name = format!(r#"{{"a\u001b[2J\u0007b"{entry}"#);
    refused_content(
        "m.safetensors",
        &safetensors(&name, 1),
        "control characters",
    );
}
