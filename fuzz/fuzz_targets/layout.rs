//! A layout is read or refused, and comes back as it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use semilla::Layout;

fuzz_target!(|text: &str| {
    if let Ok(layout) = text.parse::<Layout>() {
        assert_eq!(layout.to_string().parse::<Layout>().as_ref(), Ok(&layout));
    }
});
