//! The first weights of a trial.

use std::collections::BTreeMap;

use semilla::{Initializer, Recipe, glob_match};
use semilla_checkpoint::ops::{Planned, Planner, read_recipe};
use semilla_signal::{Array, Datum, Network, Parameter, fit};

use crate::error::LabError;
use crate::problem::Problem;
use crate::samples::Batch;
use crate::trial::{Trial, Trunk};

/// Trained weights by their names.
pub(crate) type Weights = BTreeMap<String, Array<f32>>;

/// The network of a trial with its first weights: those of the recipe's plan, then those that a
/// trunk gives. What the recipe fits, it fits on this batch.
pub(crate) fn first<'p>(
    problem: &'p Problem,
    trial: &Trial,
    trunk: Option<&Weights>,
    batch: Batch,
) -> Result<Network<'p>, LabError> {
    let mut planned = planned(problem, trial)?;
    let (inputs, labels) = batch;
    let fits = planned.plan.take_fits();
    if !fits.is_empty() {
        let mut network = network(problem, trial, &planned, inputs.clone(), None)?;
        let found = fit(&mut network, &fits, Some(&labels), planned.plan.seed)?.found;
        planned.plan.put(problem.model(), found)?;
    }
    let trunk = trial.trunk.as_ref().zip(trunk);
    network(problem, trial, &planned, inputs, trunk)
}

/// The plan of a trial. Those of one recipe differ in their seeds alone, and are resolved once:
/// what a gain does to an activation takes longer to work out than a small network to train.
fn planned<'p>(problem: &'p Problem, trial: &Trial) -> Result<Planned<'p>, LabError> {
    let seed = trial.seeds.weights;
    if let Some(plan) = problem.plans.of(&trial.recipe) {
        let file = problem.described.file.as_deref();
        return Ok(Planned::new(plan.with_seed(seed), file, Vec::new()));
    }
    let recipe = recipe(&trial.recipe)?;
    let reads_files = !recipe.pretrained.is_empty();
    let name = recipe.name.clone();
    let planner = Planner::new(&problem.described).recipe(recipe).seed(seed);
    let planned = planner.plan().map_err(|error| LabError::Planning {
        recipe: name,
        error: Box::new(error),
    })?;
    if !reads_files {
        problem.plans.keep(&trial.recipe, &planned.plan);
    }
    Ok(planned)
}

/// A recipe: its text, its name, an initializer's, or its path.
pub(crate) fn recipe(text: &str) -> Result<Recipe, LabError> {
    if text.contains('\n') {
        return Ok(Recipe::from_toml(text)?);
    }
    match (read_recipe(text), text.parse::<Initializer>()) {
        (Ok(recipe), _) => Ok(recipe),
        (Err(_), Ok(initializer)) => Ok(Recipe::scheme(initializer)),
        (Err(error), Err(_)) => Err(error.into()),
    }
}

fn network<'p>(
    problem: &'p Problem,
    trial: &Trial,
    planned: &Planned<'_>,
    inputs: Vec<(String, Datum<f32>)>,
    trunk: Option<(&Trunk, &Weights)>,
) -> Result<Network<'p>, LabError> {
    Network::new(&problem.graph, inputs, |name| {
        let Some(line) = planned.plan.line(name) else {
            return Ok(None);
        };
        let taken = trunk.map(|(trunk, weights)| taken(trunk, weights, name, &line.shape));
        let value = match taken.transpose()?.flatten() {
            Some(array) => Some(Datum::Float(array)),
            None => Datum::decode(line.dtype, &line.shape, &planned.tensor(name)?),
        };
        let parameter = |value| Parameter::planned(value, line, trial.optimizer.kind());
        Ok(value.map(parameter))
    })
}

/// The trunk's values of a tensor; `None` if it is to be new.
fn taken(
    trunk: &Trunk,
    weights: &Weights,
    name: &str,
    shape: &[usize],
) -> Result<Option<Array<f32>>, LabError> {
    if trunk.fresh.iter().any(|pattern| glob_match(pattern, name)) {
        return Ok(None);
    }
    let found = weights.get(name).filter(|array| array.shape() == shape);
    let missing = || LabError::Trunk {
        tensor: name.to_owned(),
        shape: shape.to_vec(),
    };
    found.cloned().map(Some).ok_or_else(missing)
}
