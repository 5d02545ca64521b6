use semilla_checkpoint::ops::Described;

use crate::args::plan::PlanArgs;
use crate::commands::planned::{described, planned};
use crate::failure::{Failure, with_causes};
use crate::show::output::Output;
use crate::show::remarks::print_remarks;
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

/// Says what the model's file has that its tensors do not show, and how it stores weights, where
/// that was read off names.
pub(crate) fn print_remark(
    args: &PlanArgs,
    model: Option<&Described>,
    output: &mut Output,
) -> Result<(), Failure> {
    let (Some(name), Some(model)) = (&args.model.model, model) else {
        return Ok(());
    };
    if let Some(config) = &model.config {
        let path = config.path.display();
        let mut remarks = config.remarks().into_iter();
        remarks.try_for_each(|remark| output.line(format_args!("{path}: {remark}")))?;
    }
    if let Some(error) = &model.config_error {
        let error = with_causes(error);
        output.line(format_args!("config.json says nothing here: {error}"))?;
    }
    if let Some(file) = &model.file {
        print_remarks(name, &**file, output)?;
    }
    match &model.inferred {
        Some(inferred) => output.line(format_args!("{name}: {inferred}; --layout overrides it")),
        None => Ok(()),
    }
}
