//! No index panics, and what is accepted names files of its own folder.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use semilla_checkpoint::{Index, Limits};

fuzz_target!(|json: &[u8]| {
    if let Ok(index) = Index::parse(json, &Limits::default()) {
        for lines in index.shards() {
            let shard = &lines[0].shard;
            assert_eq!(
                Path::new("folder").join(shard).parent(),
                Some(Path::new("folder"))
            );
            assert_eq!(Path::new(shard).file_name(), Some(shard.as_ref()));
            assert!(lines.iter().all(|line| line.shard == *shard));
            assert!(lines.is_sorted_by(|a, b| a.tensor < b.tensor));
        }
    }
});
