//! An expression gives a number or says why not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use semilla::Scalar;

fuzz_target!(|text: &str| {
    if let Ok(scalar) = text.parse::<Scalar>() {
        let _ = scalar.value(&());
    }
});
