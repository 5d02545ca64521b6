//! No archive panics whose checksums are right: mutated archives are refused for theirs before their entries are looked at.
//! The input is entries one after another: a byte that chooses the name, of which the highest bit asks for compression, a
//! length of two bytes, the content.
#![no_main]

use std::io::{Cursor, Write};
use std::{env, fs, process};

use libfuzzer_sys::fuzz_target;
use semilla_checkpoint::{Limits, open_with};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What the readers look for.
const NAMES: [&str; 8] = [
    "m/data.pkl",
    "m/data/0",
    "m/data/1",
    "m/version",
    "m/byteorder",
    "a.npy",
    "b.npy",
    "model.weights.h5",
];

fuzz_target!(|content: &[u8]| {
    let path = env::temp_dir().join(format!("semilla-fuzz-archive-{}", process::id()));
    fs::write(&path, archive(content)).expect("a file in the temporary folder");
    let limits = Limits {
        decoded_bytes: 1 << 24,
        ..Limits::default()
    };
    let Ok(checkpoint) = open_with(&path, &limits) else {
        return;
    };
    for (place, tensor) in checkpoint.tensors().iter().enumerate() {
        assert_eq!(checkpoint.tensors().index_of(tensor.name()), Some(place));
        let mut start = vec![0; tensor.bytes().min(4096) as usize];
        let _ = checkpoint.read(place, 0, &mut start);
    }
});

fn archive(mut content: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    while let [choice, low, high, rest @ ..] = content {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (entry, after) = rest.split_at(len);
        let method = match choice >> 7 {
            0 => CompressionMethod::Stored,
            _ => CompressionMethod::Deflated,
        };
        let options = SimpleFileOptions::default().compression_method(method);
        let name = NAMES[usize::from(*choice) % NAMES.len()];
        // A name that is there already is refused.
        if archive.start_file(name, options).is_ok() {
            archive.write_all(entry).expect("memory");
        }
        content = after;
    }
    archive.finish().expect("memory").into_inner()
}
