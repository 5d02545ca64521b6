//! No index of shards panics, whatever it says of shards of Keras, PyTorch or safetensors, and what is accepted can be read.
//! What follows the first zero byte is a shard of its own, called `own`.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs, process};

use libfuzzer_sys::fuzz_target;
use semilla_checkpoint::open;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../crates/semilla-checkpoint/tests/fixtures/", $name))
    };
}

/// Shards that an index may name, by short names.
const SHARDS: [(&str, &[u8]); 5] = [
    ("a", fixture!("keras/shards_00000.weights.h5")),
    ("b", fixture!("keras/shards_00001.weights.h5")),
    ("c", fixture!("keras/whole_00000.weights.h5")),
    ("d", fixture!("module.pt")),
    ("e", fixture!("module.pt.safetensors")),
];

fuzz_target!(|content: &[u8]| {
    let end = content.iter().position(|&byte| byte == 0);
    let (json, own) = content.split_at(end.unwrap_or(content.len()));
    let folder = folder();
    fs::write(folder.join("own"), own.get(1..).unwrap_or_default()).expect("a shard");
    let index = folder.join("index.json");
    fs::write(&index, json).expect("an index");
    let Ok(checkpoint) = open(&index) else { return };
    for (place, tensor) in checkpoint.tensors().iter().enumerate() {
        assert_eq!(checkpoint.tensors().index_of(tensor.name()), Some(place));
        assert_eq!(checkpoint.file(place).and_then(Path::parent), Some(folder));
        let mut start = vec![0; tensor.bytes().min(4096) as usize];
        let _ = checkpoint.read(place, 0, &mut start);
    }
});

/// A folder of this process with the shards in it.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = env::temp_dir().join(format!("semilla-fuzz-shards-{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for (name, content) in SHARDS {
            fs::write(folder.join(name), content).expect("a shard");
        }
        folder
    })
}
