//! No HDF5 file and no archive panics, and what is listed stays within the limits. Good seeds lie in
//! `crates/semilla-checkpoint/tests/fixtures/keras`.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use semilla_checkpoint::{Checkpoint, Keras, Limits};

fuzz_target!(|file: &[u8]| {
    let limits = Limits::default();
    let Ok(keras) = Keras::from_bytes(Path::new("fuzzed"), file.to_vec(), &limits) else {
        return;
    };
    // An archive unpacks first, and what that gives may declare as many times as much.
    let most = file.len() as u64 * limits.expansion * limits.expansion;
    assert!(keras.tensors().bytes() <= most);
    for (i, tensor) in keras.tensors().iter().enumerate() {
        let mut start = vec![0; tensor.bytes().min(4096) as usize];
        let _ = keras.read(i, 0, &mut start);
    }
});
