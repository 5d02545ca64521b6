use semilla_checkpoint::open;
use semilla_checkpoint::ops::{DescribeError, Watch, diff, own_models};

use crate::args::diff::DiffArgs;
use crate::failure::Failure;
use crate::show::diff::print;
use crate::show::output::Output;
use crate::show::progress::Progress;
use crate::show::remarks::print_remarks;

/// `semilla diff`: two files of weights, by name and by content. Whether they are the same.
pub(crate) fn run(args: &DiffArgs, output: &mut Output) -> Result<bool, Failure> {
    let both = [(open(&args.a)?, &*args.a), (open(&args.b)?, &*args.b)];
    let [a, b] = own_models(both).map_err(DescribeError::from)?;
    let progress = Progress::new(a.tensors().bytes().saturating_add(b.tensors().bytes()));
    let watch = Watch {
        progress: &|done| progress.add(done),
        ..Watch::default()
    };
    let report = diff(&*a, &*b, watch)?;
    progress.finish();
    match output.is_json() {
        true => output.json(&report)?,
        false => {
            print(&report, output)?;
            for (path, file) in [(&args.a, &a), (&args.b, &b)] {
                print_remarks(&path.display().to_string(), &**file, output)?;
            }
        }
    }
    Ok(report.is_empty())
}
