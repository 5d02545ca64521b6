use std::sync::atomic::AtomicBool;

use semilla_checkpoint::ops::{Adapter, Watch};

use crate::args::lora::LoraArgs;
use crate::commands::opened::opened_model;
use crate::commands::threads::pool;
use crate::failure::Failure;
use crate::show::lora::print;
use crate::show::output::Output;
use crate::show::progress::Progress;

/// `semilla lora`: the first factors of adapters, and the base that goes with them.
pub(crate) fn run(args: &LoraArgs, output: &mut Output, stop: &AtomicBool) -> Result<(), Failure> {
    let pool = pool(args.threads)?;
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
