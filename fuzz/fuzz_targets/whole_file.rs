//! Content as a file of its own, opened by what it is and read from end to end.

use std::path::PathBuf;
use std::{env, fs, process};

use semilla_checkpoint::open;

/// More bytes than this of one tensor are not read: small files that share values make large ones.
const MAX_BYTES: u64 = 1 << 20;

pub fn load(content: &[u8]) {
    let path = path();
    fs::write(&path, content).expect("a file in the temporary folder");
    let Ok(checkpoint) = open(&path) else { return };
    for (index, tensor) in checkpoint.tensors().iter().enumerate() {
        assert_eq!(checkpoint.tensors().index_of(tensor.name()), Some(index));
        if let Some(layout) = checkpoint.layout(index) {
            layout.check(tensor.shape()).expect("a layout of the tensor's rank");
        }
        let mut bytes = vec![0; tensor.bytes().min(MAX_BYTES) as usize];
        checkpoint.read(index, 0, &mut bytes).expect("values that are there");
    }
}

fn path() -> PathBuf {
    env::temp_dir().join(format!("semilla-fuzz-{}", process::id()))
}
