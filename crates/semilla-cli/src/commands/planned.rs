use std::path::Path;

use semilla::model::Convention;
use semilla::{Initializer, Recipe};
use semilla_checkpoint::ops::{
    DescribeError, DescribeOptions, Described, Planned, Planner, PlanningError, describe,
    read_recipe, replay,
};

use crate::args::plan::PlanArgs;
use crate::failure::Failure;

/// The model that the arguments name, if they name one: beside a saved plan they need not.
pub(crate) fn described(args: &PlanArgs) -> Result<Option<Described>, Failure> {
    let sizes = args.data.size.clone();
    let args = &args.model;
    let Some(model) = &args.model else {
        return Ok(None);
    };
    let options = DescribeOptions {
        convention: args.layout.map(Convention::from),
        dtype: args.dtype,
        config: args.config.clone(),
        sizes,
    };
    let described = describe(model, options);
    described
        .map(Some)
        .map_err(|error| Failure::describing(error, "--layout"))
}

/// The plan that the arguments ask for: a new one, or the saved one.
pub(crate) fn planned<'a>(
    args: &PlanArgs,
    model: Option<&'a Described>,
) -> Result<Planned<'a>, Failure> {
    let (path, model) = match (&args.plan, model) {
        (None, Some(model)) => return new(args, model),
        (path, model) => (path.as_deref(), model),
    };
    Ok(replay(path.unwrap_or(Path::new("")), model)?)
}

fn new<'a>(args: &PlanArgs, model: &'a Described) -> Result<Planned<'a>, Failure> {
    let mut planner = Planner::new(model)
        .recipe(recipe(args, model)?)
        .ties(args.tie.iter().cloned())
        .strict(args.strict)
        .seed(args.seed);
    if let Some(rules) = args.transfer.rules() {
        planner = planner.from(rules);
    }
    if let Some(convention) = args.transfer.convention() {
        planner = planner.from_convention(convention);
    }
    planner.plan().map_err(|error| match error {
        PlanningError::Describe(error) => Failure::describing(error, "--from-layout"),
        other => other.into(),
    })
}

fn recipe(args: &PlanArgs, model: &Described) -> Result<Recipe, Failure> {
    match (&args.scheme, &args.recipe) {
        (Some(scheme), _) => Ok(Recipe::scheme(scheme.parse::<Initializer>()?)),
        (None, Some(recipe)) => Ok(read_recipe(recipe)?),
        (None, None) => Ok(model.recipe()),
    }
}

impl Failure {
    /// A model or checkpoint that cannot be described; `option` states its layout.
    pub(crate) fn describing(error: DescribeError, option: &'static str) -> Self {
        match error {
            DescribeError::Layout { path, names } => Failure::Layout {
                path,
                option,
                names,
            },
            other => other.into(),
        }
    }
}
