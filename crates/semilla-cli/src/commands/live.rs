//! Checks of modules that run elsewhere, for programs.

use std::path::Path;

use semilla::lint::Finding;
use semilla::{Graph, Plan};
use semilla_checkpoint::ops::GraphError;
use semilla_checkpoint::{open, whole};
use semilla_page::check::{Check, Data, Weights, page};
use semilla_signal::theory::{End, Prediction};
use semilla_signal::{Datum, Measurement, Network, Parameter, Verdict};
use serde::Serialize;

use crate::commands::checked::Checked;
use crate::commands::expected::Expected;
use crate::commands::tensor::tensor;
use crate::failure::{Failure, with_causes};
use crate::show::check::print;
use crate::show::output::Output;

/// The plan of the weights that a check gave a module.
pub struct LivePlan {
    /// The plan with the first seed.
    pub plan: Plan,
    /// The seed of each measurement.
    pub seeds: Vec<u64>,
    /// The plan's likely mistakes.
    pub lint: Vec<Finding>,
}

/// What theory expects of a module that runs elsewhere.
pub struct LiveTheory {
    prediction: Prediction,
}

impl LiveTheory {
    /// By the module's ONNX export with its weights, with values for the export's inputs in their
    /// order.
    ///
    /// # Errors
    /// In words: the export cannot be read, or holds an operator that is not known.
    pub fn of_export(path: &Path, inputs: Vec<Datum<f32>>) -> Result<Self, String> {
        predicted(path, inputs)
            .map(|prediction| Self { prediction })
            .map_err(|failure| with_causes(&failure))
    }

    /// Nothing, and why.
    pub fn none(why: impl Into<String>) -> Self {
        let end = End {
            at: "the module".to_owned(),
            because: why.into(),
        };
        Self {
            prediction: Prediction {
                ends: vec![end],
                ..Prediction::default()
            },
        }
    }
}

fn predicted(path: &Path, inputs: Vec<Datum<f32>>) -> Result<Prediction, Failure> {
    let file = whole(open(path)?)?;
    let graph = file.graph().ok_or(GraphError::None)?;
    let main = graph.bodies().first();
    let names = main.into_iter().flat_map(|body| &body.inputs);
    let named = names.map(|value| value.name.clone()).zip(inputs);
    let weight = |name: &str| {
        let Some(place) = file.tensors().index_of(name) else {
            return Ok(None);
        };
        Ok::<_, Failure>(tensor(&*file, place)?.map(Parameter::from))
    };
    let network = Network::new(graph, named.collect(), weight)?;
    Ok(network.predict())
}

/// What hooks recorded of a module, and the verdict: shown as `semilla check` shows its own.
/// Serialized, it is the command's JSON.
#[derive(Serialize)]
#[serde(transparent)]
pub struct LiveCheck {
    checked: Checked,
}

impl LiveCheck {
    /// Of measurements on so many samples; with the plan of the weights, unless they are as the
    /// module had them.
    pub fn new(
        measurements: Vec<Measurement>,
        samples: usize,
        planned: Option<LivePlan>,
        theory: LiveTheory,
    ) -> Self {
        let expected = Expected::new(theory.prediction, &measurements);
        let mut checked = Checked {
            expected,
            ..Checked::recorded(measurements, samples)
        };
        if let Some(LivePlan { plan, seeds, lint }) = planned {
            checked.planned = Some((plan, seeds));
            checked.lint = lint;
        }
        Self { checked }
    }

    /// The verdict.
    pub fn verdict(&self) -> &Verdict {
        &self.checked.report.verdict
    }

    /// What the command prints, for a place of this many columns; all layers if `full`.
    pub fn table(&self, width: Option<usize>, full: bool) -> String {
        let shown = Output::text(width, |output| print(&self.checked, full, output));
        // A text takes whatever is written to it.
        shown.unwrap_or_default()
    }

    /// The page, with the module drawn as this graph.
    pub fn page(&self, model: &str, graph: &Graph) -> String {
        page(&Check {
            model,
            graph,
            report: &self.checked.report,
            prediction: Some(&self.checked.expected.prediction),
            weights: match &self.checked.planned {
                Some((plan, seeds)) => Weights::Planned { plan, seeds },
                None => Weights::Live,
            },
            data: Data::Given,
            samples: self.checked.data.samples,
            first_step: None,
            spectra: None,
            lint: &self.checked.lint,
            remedy: None,
        })
    }
}
