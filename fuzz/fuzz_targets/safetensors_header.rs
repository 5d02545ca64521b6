//! No header panics, and what is accepted covers the file exactly.
#![no_main]

use libfuzzer_sys::fuzz_target;
use semilla_checkpoint::{Header, Limits};

fuzz_target!(|file: &[u8]| {
    let read = Header::read(file, file.len() as u64, &Limits::default());
    if let Ok(Ok(header)) = read {
        let ends = header
            .starts
            .iter()
            .zip(&*header.tensors)
            .map(|(start, t)| start + t.bytes());
        let json = u64::from_le_bytes(file[..8].try_into().unwrap());
        assert_eq!(ends.max().unwrap_or(8 + json), file.len() as u64);
        assert_eq!(header.tensors.bytes(), file.len() as u64 - 8 - json);
    }
    let _ = Header::parse(file, 8, &Limits::default());
});
