//! What a check gives.

use semilla::Plan;
use semilla::lint::Finding;
use semilla_data::Data;
use semilla_signal::{FirstStep, Fitting, Measurement, Remedy, Report, Spectra};
use serde::Serialize;

use crate::args::data::DataArgs;
use crate::commands::expected::Expected;

/// What was measured, and what theory expects.
#[derive(Serialize)]
pub(crate) struct Checked {
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
    /// What hooks recorded of a module that runs elsewhere, on so many samples.
    pub(crate) fn recorded(measurements: Vec<Measurement>, samples: usize) -> Self {
        let data = Source {
            is_noise: false,
            samples,
            remarks: Vec::new(),
        };
        // Recorded arrays come without a graph that theory could follow.
        Self::new(measurements.into(), Expected::default(), data)
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
