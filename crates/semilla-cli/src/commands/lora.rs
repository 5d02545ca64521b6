use std::path::Path;
use std::sync::atomic::AtomicBool;

use semilla_checkpoint::ops::{Adapter, DescribeError, Merge, MergeReport, Watch, own_model};
use semilla_checkpoint::{open, whole};

use crate::args::lora::LoraArgs;
use crate::commands::opened::opened_model;
use crate::commands::threads::pool;
use crate::failure::Failure;
use crate::show::lora::{print, print_merged};
use crate::show::output::Output;
use crate::show::progress::Progress;

/// `semilla lora`: the first factors of adapters, and the base that goes with them; or a trained
/// adapter merged into its base.
pub(crate) fn run(args: &LoraArgs, output: &mut Output, stop: &AtomicBool) -> Result<(), Failure> {
    let pool = pool(args.threads)?;
    if let Some(adapter) = &args.merge {
        let merged = pool.install(|| merge(args, adapter, stop))?;
        return match output.is_json() {
            true => output.json(&merged),
            false => print_merged(&merged, output),
        };
    }
    let base = opened_model(&args.base, args.layout)?;
    let adapter = Adapter::of(&base)
        .init(args.init)
        .rank(args.rank)
        .alpha(args.alpha)
        .rslora(args.rslora)
        .targets(args.target.iter())
        .prefix(&args.prefix)
        .seed(args.seed);
    let progress = Progress::new(adapter.bytes()?);
    let watch = Watch {
        progress: &|done| progress.add_written(done),
        stop,
    };
    let report = pool.install(|| adapter.watch(watch).write(&args.output))?;
    progress.finish();
    match output.is_json() {
        true => output.json(&report),
        false => print(&report, output),
    }
}

fn merge(args: &LoraArgs, adapter: &Path, stop: &AtomicBool) -> Result<MergeReport, Failure> {
    let base = own_model(whole(open(&args.base)?)?, &args.base).map_err(DescribeError::from)?;
    let merge = Merge::new(base, adapter)?;
    let progress = Progress::new(merge.checkpoint().tensors().bytes());
    let watch = Watch {
        progress: &|done| progress.add_written(done),
        stop,
    };
    let report = merge.write(&args.output, None, watch)?;
    progress.finish();
    Ok(report)
}
