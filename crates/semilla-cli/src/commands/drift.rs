use std::sync::atomic::AtomicBool;

use semilla_checkpoint::ops::{
    Applied, DescribeError, DriftOptions, Inputs, Watch, drift, own_model,
};
use semilla_checkpoint::{open, whole_except};

use crate::args::drift::DriftArgs;
use crate::commands::planned::{described, planned};
use crate::failure::Failure;
use crate::show::drift::print;
use crate::show::output::Output;
use crate::show::progress::Progress;
use crate::show::remarks::print_remarks;

/// `semilla drift`: what training did to weights whose start the plan makes again.
pub(crate) fn run(args: &DriftArgs, output: &mut Output, stop: &AtomicBool) -> Result<(), Failure> {
    let model = described(&args.plan)?;
    let planned = planned(&args.plan, model.as_ref())?;
    let path = &args.trained;
    let trained = own_model(open(path)?, path).map_err(DescribeError::from)?;
    let trained = whole_except(trained, |name| planned.plan.line(name).is_some())?;
    let read = Inputs::new().files(args.plan.files());
    let mut outputs = args.difference.iter().chain(&args.output);
    outputs.try_for_each(|path| read.check(path))?;
    let onto = args.apply_to.as_ref().map(open).transpose()?;
    let applied = onto.as_deref().zip(args.output.clone());
    let progress = Progress::new(trained.tensors().bytes());
    let found = drift(
        &planned,
        &*trained,
        &DriftOptions {
            difference: args.difference.clone(),
            applied: applied.map(|(onto, path)| Applied {
                onto,
                scale: args.scale,
                path,
            }),
            every_unit: args.plan.full,
            watch: Watch {
                progress: &|done| progress.add(done),
                stop,
            },
        },
    )?;
    progress.finish();
    if output.is_json() {
        return output.json(&found);
    }
    print(&found, args.plan.full, output)?;
    print_remarks(&path.display().to_string(), &*trained, output)?;
    for path in args.difference.iter().chain(&args.output) {
        output.line(format_args!("wrote {}", path.display()))?;
    }
    Ok(())
}
