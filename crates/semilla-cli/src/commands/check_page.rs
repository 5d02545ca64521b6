//! The page of `semilla check --html`.

use std::path::Path;

use semilla::Graph;
use semilla_checkpoint::write_atomically;
use semilla_page::check::{Check, Data, Remedy, Weights, page};

use crate::args::check::CheckArgs;
use crate::commands::checked::Checked;
use crate::failure::Failure;

/// Writes the page: beside its place, synced, renamed.
pub(super) fn write(
    target: &Path,
    args: &CheckArgs,
    graph: &Graph,
    checked: &Checked,
) -> Result<(), Failure> {
    let file = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let weights = args.weights.as_deref().and_then(file).unwrap_or_default();
    let data = args.plan.data.path().and_then(file);
    let html = page(&Check {
        model: args.plan.model.model.as_deref().unwrap_or_default(),
        graph,
        report: &checked.report,
        prediction: Some(&checked.expected.prediction),
        weights: match &checked.planned {
            Some((plan, seeds)) => Weights::Planned { plan, seeds },
            None => Weights::File(&weights),
        },
        data: data.as_deref().map_or(Data::Noise, Data::File),
        samples: checked.data.samples,
        first_step: checked.first_step.as_ref(),
        spectra: checked.spectra.as_ref(),
        lint: &checked.lint,
        remedy: checked.remedy.as_ref().map(|remedy| Remedy {
            sentence: &remedy.sentence,
            advice: remedy.advice.as_deref(),
            recipe: &remedy.recipe,
        }),
    });
    Ok(write_atomically(target, html.as_bytes())?)
}
