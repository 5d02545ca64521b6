//! No file of PyTorch panics, and what is accepted stays within what its size allows.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod file;

fuzz_target!(|content: &[u8]| file::read(content, "torch"));
