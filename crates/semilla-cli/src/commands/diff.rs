use semilla_checkpoint::open;
use semilla_checkpoint::ops::{Watch, diff};

use crate::args::diff::DiffArgs;
use crate::failure::Failure;
use crate::show::diff::print;
use crate::show::output::Output;
use crate::show::progress::Progress;

/// `semilla diff`: two files of weights, by name and by content. Whether they are the same.
pub(crate) fn run(args: &DiffArgs, output: &mut Output) -> Result<bool, Failure> {
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let progress = Progress::new(a.tensors().bytes().saturating_add(b.tensors().bytes()));
    let watch = Watch {
        progress: &|done| progress.add(done),
        ..Watch::default()
    };
    let report = diff(&*a, &*b, watch)?;
    progress.finish();
    match output.is_json() {
        true => output.json(&report)?,
        false => print(&report, output)?,
    }
    Ok(report.is_empty())
}
