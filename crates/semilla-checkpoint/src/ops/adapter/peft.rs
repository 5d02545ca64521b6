//! The files that peft reads, and how it loads them.

use std::path::Path;

use semilla::lora::LoraInit;
use serde::Serialize;

/// The factors.
pub(super) const ADAPTER: &str = "adapter_model.safetensors";
/// How they are used.
pub(super) const CONFIG: &str = "adapter_config.json";
/// The base with residuals in the place of the weights that have adapters.
pub(super) const BASE: &str = "base.safetensors";

/// The tensor of a module's factor A or B.
pub(super) fn factor(module: &str, factor: char) -> String {
    format!("base_model.model.{module}.lora_{factor}.weight")
}

/// [`CONFIG`]. Fields that are not here have peft's defaults.
#[derive(Serialize)]
pub(super) struct Config {
    peft_type: &'static str,
    task_type: Option<&'static str>,
    base_model_name_or_path: Option<&'static str>,
    r: usize,
    lora_alpha: u32,
    use_rslora: bool,
    target_modules: Vec<String>,
    /// How peft makes the factors before the file's replace them: nothing that takes the base apart
    /// again.
    init_lora_weights: serde_json::Value,
    fan_in_fan_out: bool,
    lora_dropout: f64,
    bias: &'static str,
    inference_mode: bool,
}

impl Config {
    pub(super) fn new(init: LoraInit, rank: usize, alpha: u32, modules: Vec<String>) -> Self {
        Self {
            peft_type: "LORA",
            task_type: None,
            base_model_name_or_path: None,
            r: rank,
            lora_alpha: alpha,
            use_rslora: false,
            target_modules: modules,
            init_lora_weights: match init {
                // Leaves the base alone, and keeps B frozen.
                LoraInit::Mica => "mica".into(),
                _ => true.into(),
            },
            fan_in_fan_out: false,
            lora_dropout: 0.0,
            bias: "none",
            inference_mode: true,
        }
    }

    pub(super) fn rslora(mut self, rslora: bool) -> Self {
        self.use_rslora = rslora;
        self
    }

    /// Whether the weights are stored `[in, out]`.
    pub(super) fn turned(mut self, turned: bool) -> Self {
        self.fan_in_fan_out = turned;
        self
    }
}

/// Lines of Python, with transformers and peft, that load the contents of a folder.
pub(super) fn how_to_load(folder: &Path, has_residual: bool) -> Vec<String> {
    let base = has_residual.then(|| {
        let file = folder.join(BASE);
        format!(
            "model = type(model).from_pretrained(None, config=model.config, \
             state_dict=load_file(\"{}\"))",
            file.display()
        )
    });
    let adapter = format!(
        "model = PeftModel.from_pretrained(model, \"{}\", is_trainable=True)",
        folder.display()
    );
    base.into_iter().chain([adapter]).collect()
}
