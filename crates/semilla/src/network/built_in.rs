//! The built-in networks, by name.

macro_rules! built_in {
    ($($name:literal)*) => {
        const TEXTS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../networks/", $name, ".toml")))),*];

        /// The names of the built-in networks.
        pub(super) const NAMES: &[&str] = &[$($name),*];
    };
}

built_in! {
    "mlp" "resmlp" "conv" "transformer" "lstm" "gru" "vgg" "resnet" "convnext" "unet" "vit" "vit-hf"
    "mixer" "gpt2" "llama" "bert" "t5" "mamba" "siren"
}

/// The text of a built-in network.
pub(super) fn text(name: &str) -> Option<&'static str> {
    let found = TEXTS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}
