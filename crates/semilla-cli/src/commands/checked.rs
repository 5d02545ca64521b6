//! What a check gives.

use semilla::lint::Finding;
use semilla::{Graph, Plan};
use semilla_data::Data;
use semilla_page::check::{Check, page};
use semilla_signal::{FirstStep, Fitting, Measurement, Remedy, Report, Spectra};
use serde::Serialize;

use crate::args::data::DataArgs;
use crate::commands::expected::Expected;
use crate::show::check::print;
use crate::show::output::Output;

/// What was measured, and what theory expects.
#[derive(Serialize)]
pub struct Checked {
    #[serde(flatten)]
    pub(crate) report: Report,
    #[serde(flatten)]
    pub(crate) expected: Expected,
    /// The likely mistakes of the plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lint: Vec<Finding>,
    /// Singular values with the first seed's weights, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spectra: Option<Spectra>,
    /// What was fitted for the first seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fitting: Option<Fitting>,
    /// The loss and the first step with the first seed's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_step: Option<FirstStep>,
    pub(crate) data: Source,
    /// The plan of the weights, if they do not come from a file, and its seeds.
    #[serde(skip)]
    pub(crate) planned: Option<(Plan, Vec<u64>)>,
    /// What to do, where it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<Remedy>,
}

impl Checked {
    /// What hooks recorded of a module that runs elsewhere, on so many samples; with the plan of
    /// its weights and the seed of each measurement, unless they are as it had them.
    pub fn recorded(
        measurements: Vec<Measurement>,
        samples: usize,
        planned: Option<(Plan, Vec<u64>)>,
    ) -> Self {
        let data = Source {
            is_noise: false,
            samples,
            remarks: Vec::new(),
        };
        Self {
            planned,
            // Recorded arrays come without a graph that theory could follow.
            ..Self::new(measurements.into(), Expected::default(), data)
        }
    }

    /// What was measured, and the verdict.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What the command prints, for a place of this many columns.
    pub fn table(&self, width: Option<usize>, full: bool) -> String {
        let shown = Output::text(width, |output| print(self, full, output));
        // A text takes whatever is written to it.
        shown.unwrap_or_default()
    }

    /// The page of a module that runs elsewhere, drawn as this graph.
    pub fn page(&self, model: &str, graph: &Graph) -> String {
        use semilla_page::check::{Data, Weights};
        page(&Check {
            model,
            graph,
            report: &self.report,
            prediction: None,
            weights: match &self.planned {
                Some((plan, seeds)) => Weights::Planned { plan, seeds },
                None => Weights::Live,
            },
            data: Data::Given,
            samples: self.data.samples,
            first_step: None,
            spectra: None,
            lint: &self.lint,
            remedy: None,
        })
    }

    /// What every check has; all else is left out.
    pub(crate) fn new(report: Report, expected: Expected, data: Source) -> Self {
        Self {
            report,
            expected,
            lint: Vec::new(),
            spectra: None,
            fitting: None,
            first_step: None,
            data,
            planned: None,
            remedy: None,
        }
    }
}

/// Where the data come from.
#[derive(Serialize)]
pub(crate) struct Source {
    pub(crate) is_noise: bool,
    pub(crate) samples: usize,
    pub(crate) remarks: Vec<String>,
}

impl Source {
    pub(crate) fn of(args: &DataArgs, data: &Data) -> Self {
        Self {
            is_noise: args.path().is_none(),
            samples: data.samples,
            remarks: data.remarks.clone(),
        }
    }
}
