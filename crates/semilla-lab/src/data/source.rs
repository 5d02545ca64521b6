//! From the name of data to samples in a network's inputs.

use semilla::Graph;
use semilla_data::{Data, Given, Normalize, Reading};
use semilla_signal::Labels;

use super::digits::digits;
use super::generated::{Generated, Parameters, wrong};
use super::mnist1d::mnist1d;
use super::parity::parity;
use super::spec::{DataSpec, NAMES};
use super::spirals::spirals;
use crate::error::LabError;

/// All samples of the data, in the inputs of a graph, as they are: not normalized.
pub(crate) fn read(spec: &DataSpec, graph: &Graph) -> Result<Data, LabError> {
    let reading = Reading {
        samples: usize::MAX,
        normalize: Some(Normalize::Not),
        labels: spec.labels.clone(),
        tokenizer: spec.tokenizer.as_ref().map(Into::into),
        ..Reading::default()
    };
    if let Some(path) = spec.path() {
        return match path.exists() {
            true => Ok(semilla_data::read(path, graph, &reading)?),
            false => Err(unknown(&spec.source)),
        };
    }
    if spec.tokenizer.is_some() {
        let problem = "a tokenizer is for text, and this is none";
        return Err(wrong(&spec.source, problem.to_owned()));
    }
    if let Some(labels) = &spec.labels {
        let problem = format!("its labels are built in; leave out the name {labels:?} of others");
        return Err(wrong(&spec.source, problem));
    }
    let made = generated(&spec.source)?;
    let given = Given {
        shape: made.shape,
        samples: made.samples,
        are_pixels: made.are_pixels,
        labels: Labels::Classes(made.classes),
    };
    Ok(semilla_data::take(&spec.source, given, graph, &reading)?)
}

/// What needs no file.
fn generated(text: &str) -> Result<Generated, LabError> {
    let parameters = Parameters::read(text)?;
    match text.split(':').next() {
        Some("digits") => digits(parameters),
        Some("spirals") => spirals(parameters),
        Some("parity") => parity(text, parameters),
        Some("mnist1d") => mnist1d(parameters),
        _ => Err(unknown(text)),
    }
}

fn unknown(text: &str) -> LabError {
    let names = NAMES.join(", ");
    wrong(
        text,
        format!("there is no such file or folder; built in are {names}"),
    )
}
