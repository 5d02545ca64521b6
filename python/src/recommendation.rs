//! Which first weights suit a live module.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use semilla::Tie;
use semilla_checkpoint::ops::{Described, Planner};
use semilla_signal::{Expected, Outcome, Verdict, candidates, rank};

use crate::errors::raised;
use crate::plan::Plan;
use crate::run::Measured;

/// Which first weights suit a module, as the command `recommend` shows it.
#[pyclass(frozen, module = "semilla")]
pub(crate) struct Recommendation {
    found: semilla_signal::Recommendation,
}

#[pymethods]
impl Recommendation {
    /// The advice in one sentence.
    #[getter]
    fn sentence(&self) -> &str {
        &self.found.sentence
    }

    /// What else would help, if anything.
    #[getter]
    fn advice(&self) -> Option<&str> {
        self.found.advice.as_deref()
    }

    /// The recipe of the best start, as TOML.
    #[getter]
    fn recipe(&self) -> &str {
        &self.found.recipe
    }

    /// The starts, the best first: name, and whether no difference from the best is expected.
    #[getter]
    fn ranked(&self) -> Vec<(&str, bool)> {
        let ranked = self.found.ranked.iter();
        ranked.map(|row| (&*row.name, row.is_tied)).collect()
    }

    /// What the command prints, for a place of this many columns.
    #[pyo3(signature = (width=None))]
    fn table(&self, width: Option<usize>) -> String {
        semilla_cli::recommendation(&self.found, width)
    }

    /// As `semilla recommend --json` prints it.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string_pretty(&self.found).map_err(raised)
    }
}

/// Ranks the candidates for a model. `measure` is called with each plan, and answers what a run
/// with its weights shows.
pub(crate) fn recommend(
    described: &Described,
    seeds: &[u64],
    ties: &[(String, String)],
    measure: &Bound<'_, PyAny>,
) -> PyResult<Recommendation> {
    // An interrupt is no reason against a candidate: it ends the search.
    let mut stopped = None;
    let candidates = candidates(&described.model);
    let found = rank(&described.model, &candidates, |_, candidate| {
        let mut expected = None;
        let mut measured = Vec::new();
        if stopped.is_some() {
            let why = "not tried".to_owned();
            return Ok((None, Outcome::Unfit { why }));
        }
        for &seed in seeds {
            let ties = ties.iter().cloned().map(Tie::from);
            let planner = Planner::new(described)
                .recipe(candidate.recipe.clone())
                .ties(ties)
                .seed(seed);
            let plan = match planner.plan() {
                Ok(plan) => plan.apart(),
                Err(error) => {
                    let why = error.to_string();
                    return Ok((None, Outcome::Unfit { why }));
                }
            };
            expected = Expected::of(&plan.plan.stacks);
            if expected.is_some_and(|expected| expected.is_hopeless()) {
                return Ok((expected, Outcome::Hopeless));
            }
            let run = measure.call1((Plan::new(plan, None),));
            let run = run.inspect_err(|error| {
                if !error.is_instance_of::<PyException>(measure.py()) {
                    stopped = Some(error.clone_ref(measure.py()));
                }
            })?;
            measured.push(run.cast::<Measured>()?.get().measurement.clone());
        }
        let verdict = Box::new(Verdict::of(&measured));
        Ok::<_, PyErr>((expected, Outcome::Measured { verdict }))
    });
    match stopped {
        Some(error) => Err(error),
        None => Ok(Recommendation { found: found? }),
    }
}
