//! The formats that are read, for help texts.

/// The formats of files with weights.
pub(crate) const WEIGHTS: &str = "safetensors, .pt, .npz, .h5, .keras, .msgpack, ONNX, GGUF";

/// Help for a file of weights; `lead` comes first, such as "The base: ".
pub(crate) fn weights(lead: &str) -> String {
    let article = if lead.is_empty() { "A" } else { "a" };
    format!("{lead}{article} file of weights ({WEIGHTS}), or a folder of shards with its index")
}
