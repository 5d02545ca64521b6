//! The built-in recipes, by name.

macro_rules! built_in {
    ($($name:literal)*) => {
        /// The built-in recipes that are TOML.
        const TEXTS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../recipes/", $name, ".toml")))),*];

        /// The names of the built-in recipes: `auto` and `transformers`, which are code, and those in TOML.
        pub(super) const NAMES: &[&str] = &["auto", "transformers", $($name),*];
    };
}

built_in! {
    "pytorch" "keras" "jax" "gpt2" "llama" "llama-hf" "bert" "bert-hf" "vit" "vit-jax" "vit-moco" "resnet" "mup"
    "roberta" "gemma" "t5" "mamba" "convnext" "detection" "diffusion" "flax" "deepnorm" "fixup" "t-fixup" "rezero" "ntk"
    "lsuv" "lsuv-between-samples" "autoinit" "balanced" "weightnorm"
}

/// The rules that schemes share: for biases, norms and buffers.
pub(super) const DEFAULTS: &str = include_str!("../../recipes/defaults.toml");

/// The text of a built-in recipe.
pub(super) fn text(name: &str) -> Option<&'static str> {
    let found = TEXTS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}
