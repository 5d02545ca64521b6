//! `adapter_config.json`, as far as merging needs it.

use std::fmt;
use std::path::Path;

use regex::Regex;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::MergeError;
use crate::Quoted;
use crate::ops::read_text;

/// How the factors are used. Fields that are not there have peft's defaults.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    peft_type: String,
    #[serde(default = "eight")]
    lora_alpha: f64,
    #[serde(default)]
    alpha_pattern: Patterns,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    pub(super) use_dora: bool,
    #[serde(default)]
    pub(super) fan_in_fan_out: bool,
    #[serde(default)]
    init_lora_weights: Value,
    #[serde(default)]
    alora_invocation_tokens: Value,
    #[serde(default)]
    layer_replication: Value,
}

fn eight() -> f64 {
    8.0
}

/// Regular expressions for modules, in the order of the file, and a number for each.
#[derive(Debug, Default)]
struct Patterns(Vec<(String, f64)>);

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Patterns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers by patterns")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Patterns, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Patterns(pairs))
            }
        }
        from.deserialize_map(Pairs)
    }
}

/// Bytes that a configuration may have.
const LONGEST: u64 = 1 << 20;

/// First factors for which peft takes the base apart when it loads the adapter.
const OF_ANOTHER_BASE: [&str; 4] = ["pissa", "olora", "corda", "loftq"];

impl Config {
    /// Reads the file, and refuses what cannot be merged.
    pub(super) fn read(path: &Path) -> Result<Self, MergeError> {
        let refuse = |problem: String| MergeError::Config {
            path: path.to_owned(),
            problem,
        };
        let text = read_text(path, LONGEST)?;
        let config: Self =
            serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        if config.peft_type != "LORA" {
            let kind = Quoted::new(&config.peft_type);
            return Err(refuse(format!(
                "its peft_type is {kind}, and only LORA is merged here; merge it with \
                 PeftModel.merge_and_unload()"
            )));
        }
        if !config.alora_invocation_tokens.is_null() {
            return Err(refuse(
                "it works after its invocation tokens only (aLoRA), which no merged weight does"
                    .to_owned(),
            ));
        }
        if !config.layer_replication.is_null() {
            return Err(refuse(
                "it replicates layers of its base; merge it with PeftModel.merge_and_unload()"
                    .to_owned(),
            ));
        }
        let init = config.init_lora_weights.as_str().unwrap_or_default();
        if OF_ANOTHER_BASE.iter().any(|name| init.starts_with(name)) {
            return Err(refuse(format!(
                "it was trained on a base that {init} had changed, which is not the one given; \
                 convert it with peft's save_pretrained(path_initial_model_for_weight_conversion=...) \
                 or, if the base given is that base, set init_lora_weights to true"
            )));
        }
        Ok(config)
    }

    /// What the product of a module's factors is multiplied by.
    pub(super) fn scaling(&self, module: &str, rank: usize) -> Result<f64, String> {
        let mut alpha = self.lora_alpha;
        for (pattern, own) in &self.alpha_pattern.0 {
            let anchored = format!(r"^(?:.*\.)?(?:{pattern})$");
            let regex = Regex::new(&anchored);
            let regex = regex.map_err(|_| format!("alpha_pattern {}", Quoted::new(pattern)))?;
            if regex.is_match(module) {
                alpha = *own;
                break;
            }
        }
        let rank = rank as f64;
        Ok(match self.use_rslora {
            true => alpha / rank.sqrt(),
            false => alpha / rank,
        })
    }
}
