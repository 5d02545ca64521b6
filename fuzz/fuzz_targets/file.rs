//! Formats that are read from a path: the content goes to a file of this process.

use std::fs;

use semilla_checkpoint::{Limits, open_with};

pub fn read(content: &[u8], target: &str) {
    let path = std::env::temp_dir().join(format!("semilla-fuzz-{target}-{}", std::process::id()));
    fs::write(&path, content).unwrap();
    let limits = Limits {
        decoded_bytes: 1 << 24,
        ..Limits::default()
    };
    if let Ok(checkpoint) = open_with(&path, &limits) {
        assert!(checkpoint.tensors().bytes() <= limits.expansion * content.len() as u64);
        for (tensor, info) in checkpoint.tensors().iter().enumerate() {
            if info.bytes() <= limits.decoded_bytes {
                let _ = checkpoint.read(tensor, 0, &mut vec![0; info.bytes() as usize]);
            }
        }
    }
}
