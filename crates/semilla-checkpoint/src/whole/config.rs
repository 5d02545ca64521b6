//! What a configuration beside a checkpoint says of its quantization.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// The choices that names and shapes do not tell.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// `quantization_config` of transformers, `quantization` of MLX, or AutoGPTQ's own file.
    value: Value,
}

impl Config {
    /// Reads `config.json` or `quantize_config.json` in a folder. What cannot be read says nothing.
    pub(super) fn beside(folder: &Path) -> Self {
        let config = json(&folder.join("config.json"));
        let inner = config.and_then(|mut config| {
            let keys = ["quantization_config", "quantization"];
            let mut found = keys.iter().map(|key| config.get_mut(*key).map(Value::take));
            found.find_map(|value| value.filter(Value::is_object))
        });
        let own = || json(&folder.join("quantize_config.json"));
        Self {
            value: inner.or_else(own).unwrap_or_default(),
        }
    }

    /// Bits of a number, for a module.
    pub(super) fn bits(&self, module: &str) -> Option<u32> {
        let bits = self.number(module, &["bits", "w_bit", "num_bits"])?;
        (1..=8).contains(&bits).then_some(bits as u32)
    }

    /// Elements of a group, for a module.
    pub(super) fn group_size(&self, module: &str) -> Option<usize> {
        let size = self.number(module, &["group_size", "q_group_size"])?;
        usize::try_from(size).ok().filter(|&size| size > 0)
    }

    /// Rows and columns of a block.
    pub(super) fn blocks(&self) -> Vec<usize> {
        let sizes = self.value["weight_block_size"].as_array();
        let sizes = sizes.into_iter().flatten().filter_map(Value::as_u64);
        let sizes: Vec<usize> = sizes.map(|size| size as usize).collect();
        match sizes.contains(&0) {
            true => Vec::new(),
            false => sizes,
        }
    }

    /// Whether GPTQ's zeros are stored as they are, not less one.
    pub(super) fn has_whole_zeros(&self) -> bool {
        self.value["checkpoint_format"].as_str() == Some("gptq_v2")
    }

    /// A number for a module: its own, or that of all; of compressed-tensors what its groups agree
    /// on.
    fn number(&self, module: &str, keys: &[&str]) -> Option<i64> {
        let of = |value: &Value| keys.iter().find_map(|key| value[key].as_i64());
        let own = self.value.get(module).and_then(of);
        own.or_else(|| of(&self.value)).or_else(|| {
            let groups = self.value["config_groups"].as_object()?;
            let mut numbers = groups.values().map(|group| of(&group["weights"]));
            let first = numbers.next()??;
            numbers.all(|other| other == Some(first)).then_some(first)
        })
    }
}

fn json(path: &Path) -> Option<Value> {
    const MOST: u64 = 4 << 20;
    let file = File::open(path).ok()?;
    (file.metadata().ok()?.len() <= MOST).then_some(())?;
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}
