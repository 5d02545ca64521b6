//! A description is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use semilla::model::Spec;

fuzz_target!(|text: &str| {
    let _ = Spec::parse(text);
});
