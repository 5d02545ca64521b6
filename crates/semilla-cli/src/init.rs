//! `semilla init`: writes ready-to-load weights.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Args;
use semilla::{Line, Plan};
use semilla_checkpoint::{
    ByteSize, Checkpoint, CheckpointWriter, Metadata, SafetensorsWriter, Share, Sources,
    materialize, tensors_of,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::findings::{Findings, refuse_non_finite};
use crate::output::Output;
use crate::plan::{PlanArgs, Planned, grouped_digits, remark, table};
use crate::progress::Progress;
use crate::transfer;

/// Where the weights go, and how.
#[derive(Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    plan: PlanArgs,

    /// The safetensors file to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,

    /// Threads; all cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Split files beyond this size, with the index that transformers reads, such as 5GB
    #[arg(long, value_name = "SIZE", conflicts_with = "shard")]
    max_shard_size: Option<ByteSize>,

    /// Write one rank's part only: a chunk of every tensor's first axis
    #[arg(
        long,
        value_name = "RANK/WORLD",
        default_value = "0/1",
        hide_default_value = true
    )]
    shard: Share,

    /// Write what a checkpoint gives even where it is NaN or infinite, or becomes so in the type that is written
    #[arg(long)]
    allow_non_finite: bool,

    /// Also write the plan with the hashes of its checkpoints: `--plan` then gives the same bytes or refuses
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
}

/// What was done, for machines.
#[derive(Serialize)]
struct Report<'a> {
    files: Vec<PathBuf>,
    bytes: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<transfer::Report>,
    #[serde(flatten)]
    findings: Findings,
    plan: &'a Plan,
}

/// Plans, generates, writes, and prints what was done to each tensor.
pub(crate) fn run(args: &InitArgs, output: &mut Output, stop: &AtomicBool) -> Result<(), Failure> {
    let Planned {
        plan,
        loaded,
        pretrained,
    } = args.plan.plan()?;
    let own = loaded.as_ref().and_then(|loaded| loaded.file.as_deref());
    let inputs = args.inputs(own, &pretrained);
    args.check_outputs(&inputs)?;
    let lock = args.lock.as_ref();
    let lock =
        lock.map(|path| Ok::<_, Failure>((path, transfer::locked(&plan, own, &pretrained)?)));
    let lock = lock.transpose()?;
    let start = Instant::now();
    let tensors = tensors_of(&plan, args.shard)?;
    let bytes = tensors.bytes();
    let writer = SafetensorsWriter::create(
        &args.output,
        tensors,
        metadata(&plan, args.shard),
        args.max_shard_size,
    )?;
    writer
        .paths()
        .try_for_each(|path| refuse_onto(path, &inputs))?;
    let progress = Progress::new(bytes);
    let sources = Sources {
        own,
        pretrained: &pretrained,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Failure::Threads(error.to_string()))?;
    let health = pool.install(|| {
        let progress = |done| progress.add(done);
        materialize(&plan, args.shard, sources, &writer, &progress, stop)
    })?;
    if !args.allow_non_finite {
        refuse_non_finite(&health)?;
    }
    let findings = pool.install(|| Findings::new(&plan, &health, &pretrained))?;
    progress.message("syncing to disk");
    let files = Box::new(writer).finish()?;
    progress.finish();
    if let Some((path, text)) = lock {
        semilla_checkpoint::write_atomically(path, text.as_bytes())?;
    }
    let seconds = start.elapsed().as_secs_f64();
    if output.is_json() {
        return output.json(&Report {
            files,
            bytes,
            seconds,
            transfer: transfer::Report::new(&plan),
            findings,
            plan: &plan,
        });
    }
    table(&plan, true, output)?;
    remark(&args.plan, loaded.as_ref(), output)?;
    transfer::print(&plan, output)?;
    findings.print(output)?;
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

impl InitArgs {
    /// The files that this command reads.
    fn inputs(
        &self,
        own: Option<&dyn Checkpoint>,
        pretrained: &[Box<dyn Checkpoint>],
    ) -> Vec<PathBuf> {
        let files = pretrained.iter().map(|file| &**file).chain(own);
        let paths = files.flat_map(|file| (0..file.tensors().len()).filter_map(|i| file.file(i)));
        let mut paths: Vec<PathBuf> = paths.map(Path::to_owned).collect();
        paths.extend(self.plan.files());
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Nothing that is read may be written over, and nothing be written twice.
    fn check_outputs(&self, inputs: &[PathBuf]) -> Result<(), Failure> {
        refuse_onto(&self.output, inputs)?;
        let Some(lock) = &self.lock else {
            return Ok(());
        };
        semilla_checkpoint::check_target(lock)?;
        refuse_onto(lock, inputs)?;
        match place(lock) == place(&self.output) {
            true => Err(Failure::Twice(lock.clone())),
            false => Ok(()),
        }
    }
}

fn refuse_onto(output: &Path, inputs: &[PathBuf]) -> Result<(), Failure> {
    let at = place(output);
    let is_read = |input: &PathBuf| place(input) == at || input.canonicalize().ok() == at;
    match at.is_some() && inputs.iter().any(is_read) {
        true => Err(Failure::OntoInput(output.to_owned())),
        false => Ok(()),
    }
}

/// Where a file lies, or would lie.
fn place(path: &Path) -> Option<PathBuf> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// What a reader of the file can know of its making.
fn metadata(plan: &Plan, share: Share) -> Metadata {
    let mut metadata = Metadata::from([
        ("semilla.stream".to_owned(), plan.stream.to_string()),
        ("semilla.recipe".to_owned(), plan.recipe.clone()),
        ("semilla.seed".to_owned(), plan.seed.to_string()),
    ]);
    if share != Share::WHOLE {
        metadata.insert("semilla.shard".to_owned(), share.to_string());
        for Line { name, shape, .. } in &plan.tensors {
            if let Some(slice) = share.slice(shape).filter(|slice| !slice.offset().is_empty()) {
                let place = format!("{:?} of {shape:?}", slice.offset());
                metadata.insert(format!("semilla.offset.{name}"), place);
            }
        }
    }
    metadata
}
