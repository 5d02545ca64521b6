use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use semilla::Plan;
use semilla_checkpoint::ops::{Findings, Transferred, Watch, Written};
use serde::Serialize;

use crate::args::init::InitArgs;
use crate::commands::plan::{fit, print_fitting, print_remark};
use crate::commands::planned::{described, planned};
use crate::commands::threads::pool;
use crate::failure::Failure;
use crate::show::figures::grouped_digits;
use crate::show::output::Output;
use crate::show::progress::Progress;
use crate::show::{findings, plan, transfer};

/// The result, for machines.
#[derive(Serialize)]
struct Report<'a> {
    files: Vec<PathBuf>,
    bytes: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<Transferred>,
    #[serde(flatten)]
    findings: Findings,
    plan: &'a Plan,
}

/// `semilla init`: plans, generates, writes, and prints what was done to each tensor.
pub(crate) fn run(args: &InitArgs, output: &mut Output, stop: &AtomicBool) -> Result<(), Failure> {
    let pool = pool(args.threads)?;
    let model = described(&args.plan)?;
    let mut planned = planned(&args.plan, model.as_ref())?;
    let fitting = fit(&args.plan, &mut planned, model.as_ref())?;
    let plan = &planned.plan;
    let start = Instant::now();
    let mut write = planned
        .write(&args.output)
        .share(args.shard)
        .allow_non_finite(args.allow_non_finite)
        .keep(args.plan.files());
    if let Some(size) = args.max_shard_size {
        write = write.max_shard_size(size);
    }
    if let Some(lock) = &args.lock {
        write = write.lock(lock);
    }
    let progress = Progress::new(write.bytes().map_err(Failure::writing)?);
    let watch = Watch {
        progress: &|done| progress.add_written(done),
        stop,
    };
    let written = pool
        .install(|| write.watch(watch).run())
        .map_err(Failure::writing)?;
    progress.finish();
    let seconds = start.elapsed().as_secs_f64();
    let Written {
        files,
        bytes,
        findings,
    } = written;
    if output.is_json() {
        return output.json(&Report {
            files,
            bytes,
            seconds,
            transfer: Transferred::of(plan),
            findings,
            plan,
        });
    }
    plan::print(plan, args.plan.full, output)?;
    print_remark(&args.plan, model.as_ref(), output)?;
    transfer::print(plan, output)?;
    findings::print(&findings, output)?;
    print_fitting(&args.plan, fitting.as_ref(), output)?;
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    output.line(format_args!(
        "wrote {} ({} bytes in {seconds:.1} s)",
        names.join(", "),
        grouped_digits(bytes)
    ))
}
