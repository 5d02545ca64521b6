//! Every glob of the rules must match a tensor.

use crate::glob::glob_match;
use crate::model::Model;
use crate::suggest::did_you_mean;
use crate::transfer::error::TransferError;
use crate::transfer::rules::Transfer;

/// # Errors
/// A glob matches no tensor of the model or of the checkpoint that it is for.
pub(super) fn check_globs(
    rules: &Transfer,
    target: &Model,
    source: &Model,
) -> Result<(), TransferError> {
    let adapted: Vec<String> = rules.adapt.iter().map(|rule| rule.glob.clone()).collect();
    for (what, globs) in [
        ("into", &rules.into),
        ("must_load (--must-load)", &rules.must_load),
        ("may_miss (--may-miss)", &rules.may_miss),
        ("adapt (--adapt)", &adapted),
    ] {
        check(what, "model", globs, target)?;
    }
    check("exclude (--exclude)", "checkpoint", &rules.exclude, source)
}

fn check(
    what: &'static str,
    side: &'static str,
    globs: &[String],
    model: &Model,
) -> Result<(), TransferError> {
    let names = || model.tensors.iter().map(|tensor| tensor.name.as_str());
    let unfired = globs
        .iter()
        .find(|glob| !names().any(|name| glob_match(glob, name)));
    match unfired {
        None => Ok(()),
        Some(rule) => Err(TransferError::Unfired {
            what,
            rule: rule.clone(),
            side,
            hint: did_you_mean(rule, names()),
        }),
    }
}
