//! No GGUF file panics, and what is accepted can be read.
#![no_main]

mod whole_file;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    whole_file::load(&[b"GGUF\x03\0\0\0", content].concat());
});
