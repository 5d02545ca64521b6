use semilla_checkpoint::ops::Described;

use crate::args::plan::PlanArgs;
use crate::commands::planned::{described, planned};
use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::{plan, transfer};

/// `semilla plan`: the values that every tensor would get, and why.
pub(crate) fn run(args: &PlanArgs, output: &mut Output) -> Result<(), Failure> {
    let model = described(&args.model)?;
    let planned = planned(args, model.as_ref())?;
    if output.is_json() {
        return output.json(&planned.plan);
    }
    plan::print(&planned.plan, args.full, output)?;
    print_remark(args, model.as_ref(), output)?;
    transfer::print(&planned.plan, output)
}

/// Says how the model stores its weights, where that was read off names.
pub(crate) fn print_remark(
    args: &PlanArgs,
    model: Option<&Described>,
    output: &mut Output,
) -> Result<(), Failure> {
    let inferred = model.and_then(|model| model.inferred.as_ref());
    match (&args.model.model, inferred) {
        (Some(model), Some(inferred)) => {
            output.line(format_args!("{model}: {inferred}; --layout overrides it"))
        }
        _ => Ok(()),
    }
}
