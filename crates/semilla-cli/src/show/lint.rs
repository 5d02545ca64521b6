//! Likely mistakes of a plan.

use semilla::lint::{Finding, Severity};

use crate::failure::Failure;
use crate::show::names::shortened;
use crate::show::output::Output;

/// Prints the findings, two lines each, and how many there are.
pub(crate) fn print(findings: &[Finding], output: &mut Output) -> Result<(), Failure> {
    print_found(findings, output)?;
    let count = |severity: Severity| {
        let found = findings.iter().filter(|one| one.severity == severity);
        match found.count() {
            0 => format!("no {severity}s"),
            1 => format!("1 {severity}"),
            many => format!("{many} {severity}s"),
        }
    };
    let (warnings, notes) = (count(Severity::Warning), count(Severity::Note));
    output.line(format_args!("{warnings}, {notes}"))
}

/// Prints the findings, two lines each.
pub(crate) fn print_found(findings: &[Finding], output: &mut Output) -> Result<(), Failure> {
    for finding in findings {
        let about = match &*finding.tensors {
            [] => "the model".to_owned(),
            names => shortened(names),
        };
        let Finding {
            rule,
            severity,
            reason,
            remedy,
            ..
        } = finding;
        output.line(format_args!("{severity}: {about}: {reason} ({rule})"))?;
        output.line(format_args!("  instead: {remedy}"))?;
    }
    Ok(())
}
