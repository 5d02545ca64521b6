use semilla_checkpoint::ops::{Watch, inspect};

use crate::args::inspect::InspectArgs;
use crate::commands::opened::opened;
use crate::failure::Failure;
use crate::show::inspect::print;
use crate::show::output::Output;
use crate::show::progress::Progress;

/// `semilla inspect`: weights, and where they may come from.
pub(crate) fn run(args: &InspectArgs, output: &mut Output) -> Result<(), Failure> {
    let described = opened(&args.file, args.layout)?;
    let bytes = described
        .file
        .as_ref()
        .map_or(0, |file| file.tensors().bytes());
    let progress = Progress::new(bytes);
    let watch = Watch {
        progress: &|done| progress.add(done),
        ..Watch::default()
    };
    let report = inspect(described, watch)?;
    progress.finish();
    match output.is_json() {
        true => output.json(&report),
        false => print(&report, args.full, output),
    }
}
