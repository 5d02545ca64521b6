//! No list of shapes panics, and what is accepted can be found by name.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use semilla_checkpoint::{Checkpoint, Limits, Manifest};

fuzz_target!(|json: &[u8]| {
    if let Ok(manifest) = Manifest::parse(Path::new("shapes.json"), json, &Limits::default()) {
        for (position, tensor) in manifest.tensors().iter().enumerate() {
            assert_eq!(manifest.tensors().index_of(tensor.name()), Some(position));
        }
    }
});
