use semilla_checkpoint::ops::{Described, Planned};
use semilla_signal::Fitting;

use crate::args::plan::PlanArgs;
use crate::commands::data::data;
use crate::commands::network::fitted;
use crate::commands::planned::{described, planned};
use crate::failure::{Failure, with_causes};
use crate::show::output::Output;
use crate::show::remarks::print_remarks;
use crate::show::{fitting, plan, transfer};

/// `semilla plan`: the values that every tensor would get, and why.
pub(crate) fn run(args: &PlanArgs, output: &mut Output) -> Result<(), Failure> {
    let model = described(args)?;
    let mut planned = planned(args, model.as_ref())?;
    let fitting = fit(args, &mut planned, model.as_ref())?;
    if output.is_json() {
        return output.json(&planned.plan);
    }
    plan::print(&planned.plan, args.full, output)?;
    print_remark(args, model.as_ref(), output)?;
    transfer::print(&planned.plan, output)?;
    print_fitting(args, fitting.as_ref(), output)
}

/// Fits what the plan leaves to be fitted, where the arguments give data. Without data a plan stays
/// as it is, and no weights are made of it.
pub(crate) fn fit(
    args: &PlanArgs,
    planned: &mut Planned<'_>,
    model: Option<&Described>,
) -> Result<Option<Fitting>, Failure> {
    if planned.plan.is_fitted() {
        return match args.data.data {
            Some(_) => Err(Failure::NothingToFit),
            None => Ok(None),
        };
    }
    let (Some(model), Some(_)) = (model, &args.data.data) else {
        return Ok(None);
    };
    let graph = model.graph()?;
    let data = data(&args.data, planned.plan.seed, &graph)?;
    fitted(planned, &model.model, &graph, &data)
}

/// Says what was fitted, and what it cost.
pub(crate) fn print_fitting(
    args: &PlanArgs,
    fitting: Option<&Fitting>,
    output: &mut Output,
) -> Result<(), Failure> {
    match fitting {
        Some(found) => fitting::print(found, args.data.path().is_none(), output),
        None => Ok(()),
    }
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
