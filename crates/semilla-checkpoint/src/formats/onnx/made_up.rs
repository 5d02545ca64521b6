//! Names that exporters make up.

/// `/encoder/Conv_output_0` and `encoder/Conv:0` are the first outputs of `encoder/Conv`.
pub(super) fn without_output(name: &str) -> &str {
    let unnumbered = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if unnumbered.len() == name.len() {
        return name;
    }
    let stem = unnumbered
        .strip_suffix(':')
        .or_else(|| unnumbered.strip_suffix("_output_"));
    stem.unwrap_or(name)
}

/// Whether an exporter made the name up: it says nothing of the model.
pub(super) fn is_made_up(name: &str) -> bool {
    if name.starts_with("onnx::") || name.contains("jax2tf_") || name.starts_with("const_fold_opt")
    {
        return true;
    }
    let last = without_output(name).rsplit('/').next().unwrap_or("");
    let stem = last.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    matches!(
        stem.to_ascii_lowercase().as_str(),
        "" | "const" | "constant" | "const_tensor" | "initializer" | "tensor" | "val" | "value"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names() {
        for name in [
            "",
            "12",
            "onnx::MatMul_636",
            "/encoder/Constant_3_output_0",
            "Const_24:0",
            "val_7",
            "jax2tf_f_/Dense_0/Reshape:0",
            "const_fold_opt__211",
            "Constant_12",
        ] {
            assert!(is_made_up(name), "{name}");
        }
        for name in [
            "encoder.0.weight",
            "Dense_1",
            "w1",
            "model/dense/kernel:0",
            "tensor_core.weight",
        ] {
            assert!(!is_made_up(name), "{name}");
        }
    }
}
