//! What the page is made of.

use semilla::lint::Finding;
use semilla::{Graph, Plan};
use semilla_signal::{FirstStep, Report, Spectra, theory::Prediction};

/// What was checked, and what came out: all that the page shows.
pub struct Check<'a> {
    /// What the user calls the model.
    pub model: &'a str,
    /// Its computation.
    pub graph: &'a Graph,
    /// What was measured, and the verdict.
    pub report: &'a Report,
    /// What theory expects of the network, where it was asked.
    pub prediction: Option<&'a Prediction>,
    /// Where the weights came from.
    pub weights: Weights<'a>,
    /// Where the data came from.
    pub data: Data<'a>,
    /// Samples in the batch.
    pub samples: usize,
    /// The loss at the start and the first step, where they were asked for.
    pub first_step: Option<&'a FirstStep>,
    /// Singular values, where they were asked for.
    pub spectra: Option<&'a Spectra>,
    /// The likely mistakes of the plan.
    pub lint: &'a [Finding],
    /// What would help, if something does.
    pub remedy: Option<Remedy<'a>>,
}

/// Where weights come from.
pub enum Weights<'a> {
    /// From a plan, for each of these seeds.
    Planned {
        /// The plan, with any of the seeds.
        plan: &'a Plan,
        /// The seeds, in the order of the report's measurements.
        seeds: &'a [u64],
    },
    /// From a file with this name.
    File(&'a str),
    /// Those of a module that runs elsewhere.
    Live,
}

impl<'a> Weights<'a> {
    pub(super) fn plan(&self) -> Option<&'a Plan> {
        match self {
            Weights::Planned { plan, .. } => Some(plan),
            Weights::File(_) | Weights::Live => None,
        }
    }
}

/// Where data come from.
pub enum Data<'a> {
    /// Made up.
    Noise,
    /// From a file with this name.
    File(&'a str),
    /// What a program handed over.
    Given,
}

/// What would help.
pub struct Remedy<'a> {
    /// What to do, and what it brings, in numbers.
    pub sentence: &'a str,
    /// What else would help, where no first weights do.
    pub advice: Option<&'a str>,
    /// A recipe to copy, in TOML.
    pub recipe: &'a str,
}
