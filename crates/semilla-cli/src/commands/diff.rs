use std::collections::HashSet;

use semilla_checkpoint::ops::{DescribeError, Watch, diff, own_models};
use semilla_checkpoint::{TensorInfo, open, whole_except};

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
    // Weights in parts are compared by their parts where both store the same ones.
    let [of_a, of_b] = [&a, &b].map(|file| {
        let names = file.tensors().iter().map(TensorInfo::name);
        names.map(str::to_owned).collect::<HashSet<String>>()
    });
    let a = whole_except(a, |name| of_b.contains(name))?;
    let b = whole_except(b, |name| of_a.contains(name))?;
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
