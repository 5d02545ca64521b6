//! Which input one array of data is for.

use std::path::Path;

use semilla_signal::InputSpec;

use crate::error::DataError;

/// The input that one array of data is for: the only one; of several the only one that takes
/// numbers, or the only one whose ids are words.
pub(crate) fn place<'a>(path: &Path, inputs: &'a [InputSpec]) -> Result<&'a InputSpec, DataError> {
    let only = |is: fn(&InputSpec) -> bool| {
        let mut found = inputs.iter().filter(|input| is(input));
        found.next().filter(|_| found.next().is_none())
    };
    let found = only(|_| true)
        .or_else(|| only(|input| input.takes_numbers))
        .or_else(|| only(|input| input.vocabulary.is_some()));
    found.ok_or_else(|| DataError::Inputs {
        path: path.to_owned(),
        inputs: inputs.iter().map(|input| input.name.clone()).collect(),
    })
}
