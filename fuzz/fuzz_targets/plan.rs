//! A saved plan is refused, or every fill of it can be made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use semilla::Plan;

fuzz_target!(|text: &str| {
    let Ok(plan) = serde_json::from_str::<Plan>(text) else {
        return;
    };
    if plan.check().is_err() {
        return;
    }
    for line in &plan.tensors {
        let elements: usize = line.shape.iter().product();
        if elements <= 1 << 12 {
            let _ = line.fill.prepare(line.key, &line.shape, line.dtype);
        }
    }
});
