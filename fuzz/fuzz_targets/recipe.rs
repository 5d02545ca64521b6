//! A recipe is read or refused, and decides or says what it lacks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use semilla::{Recipe, model::Spec};

fuzz_target!(|text: &str| {
    if let Ok(recipe) = Recipe::from_toml(text) {
        let model = Spec::parse("transformer:1x64:8").expect("a description");
        let _ = recipe.plan(&model, 0);
    }
});
