//! No model panics, and what is accepted can be read.
#![no_main]

mod whole_file;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    // The version, with which every model starts.
    whole_file::load(&[b"\x08\x08", content].concat());
});
