//! The options that take weights from a checkpoint.

use std::path::PathBuf;

use clap::Args;
use semilla::Transfer;
use semilla::model::Convention;
use semilla::transfer::{Adapt, Depth, InvalidOp};

use crate::args::model::Stored;

/// Which checkpoint gives which tensors.
#[derive(Args)]
#[command(next_help_heading = "Pretrained weights")]
pub(crate) struct TransferArgs {
    /// Take tensors from this checkpoint; the recipe initializes the rest
    #[arg(long, value_name = "CHECKPOINT")]
    pub(crate) from: Option<PathBuf>,

    /// How that checkpoint stores its weights, if its format and its names do not say
    #[arg(long, value_enum, value_name = "WHOSE", requires = "from")]
    from_layout: Option<Stored>,

    /// Take only its tensors below this prefix, and remove the prefix
    #[arg(long, value_name = "PREFIX", requires = "from")]
    strip: Option<String>,

    /// Put this prefix before its names
    #[arg(long, value_name = "PREFIX", requires = "from")]
    add: Option<String>,

    /// Replace a regular expression in its names; may be repeated, applied in order
    #[arg(long, value_name = "REGEX=NEW", requires = "from", value_parser = rename)]
    rename: Vec<(String, String)>,

    /// Do not use these tensors of it
    #[arg(long, value_name = "GLOB", requires = "from")]
    exclude: Vec<String>,

    /// Tensors of the model that must come from it [default: all]
    #[arg(long, value_name = "GLOB", requires = "from")]
    must_load: Vec<String>,

    /// Tensors of the model that need not come from it
    #[arg(long, value_name = "GLOB", requires = "from")]
    may_miss: Vec<String>,

    /// How to adapt tensors that do not fit, such as `*.word_embeddings.weight=overlap`,
    /// `conv1.weight=channels:preserve`, `*.pos_embed=positions`, `*=select:heads=[12,6]`,
    /// `*=grow:heads=[6,12]`; may be repeated
    #[arg(long, value_name = "GLOB=OPERATION", requires = "from", value_parser = adapt)]
    adapt: Vec<Adapt>,

    /// A different number of layers: the name before their numbers, and first, uniform, stack,
    /// interlace or a list such as `[0,2,4]`; then :zero or :identity for repeated layers
    #[arg(long, value_name = "LAYERS=MAP", requires = "from", value_parser = depth)]
    depth: Option<Depth>,

    /// The smallest fraction of the model's elements that must come from it, from 0 to 1
    #[arg(long, value_name = "FRACTION", requires = "from")]
    min_coverage: Option<f64>,
}

fn rename(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let owned = parts.map(|(pattern, new)| (pattern.to_owned(), new.to_owned()));
    owned.ok_or_else(|| "write REGEX=NEW, such as gamma$=weight".to_owned())
}

fn adapt(text: &str) -> Result<Adapt, String> {
    let (glob, op) = text
        .split_once('=')
        .ok_or("write GLOB=OPERATION, such as conv1.weight=channels:preserve")?;
    let op = op.parse().map_err(|error: InvalidOp| error.to_string())?;
    let glob = glob.to_owned();
    Ok(Adapt { glob, op })
}

fn depth(text: &str) -> Result<Depth, String> {
    let (layers, map) = text
        .split_once('=')
        .ok_or("write LAYERS=MAP, such as encoder.layer=uniform")?;
    let (map, new) = map.split_once(':').unwrap_or((map, "copy"));
    let form = |map: &str| serde_json::json!({ "layers": layers, "map": map, "new": new });
    let value = match serde_json::from_str::<Vec<usize>>(map) {
        Ok(list) => serde_json::json!({ "layers": layers, "map": list, "new": new }),
        Err(_) => form(map),
    };
    serde_json::from_value(value).map_err(|_| {
        format!("{text:?} does not map layers; write LAYERS=first, uniform, stack, interlace or [0,2,4], and :zero or :identity")
    })
}

impl TransferArgs {
    /// The rules for the checkpoint of `--from`, if it is given.
    pub(crate) fn rules(&self) -> Option<Transfer> {
        let from = self.from.as_ref()?.display().to_string();
        Some(Transfer {
            from: Some(from),
            strip: self.strip.clone(),
            add: self.add.clone(),
            rename: self.rename.clone(),
            exclude: self.exclude.clone(),
            must_load: self.must_load.clone(),
            may_miss: self.may_miss.clone(),
            min_coverage: self.min_coverage,
            adapt: self.adapt.clone(),
            depth: self.depth.clone(),
            ..Transfer::default()
        })
    }

    /// The convention that `--from-layout` names.
    pub(crate) fn convention(&self) -> Option<Convention> {
        self.from_layout.map(Convention::from)
    }
}
