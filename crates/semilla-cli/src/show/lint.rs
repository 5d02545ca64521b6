//! Likely mistakes of a plan.

use semilla::lint::{Finding, Severity};

use crate::failure::Failure;
use crate::show::names::shortened;
use crate::show::output::Output;

/// Prints the findings, two lines each.
pub(crate) fn print(findings: &[Finding], output: &mut Output) -> Result<(), Failure> {
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
    let count = |severity: Severity, one: &str| {
        let count = findings.iter().filter(|one| one.severity == severity);
        match count.count() {
            0 => format!("no {one}s"),
            1 => format!("1 {one}"),
            many => format!("{many} {one}s"),
        }
    };
    let (warnings, notes) = (
        count(Severity::Warning, "warning"),
        count(Severity::Note, "note"),
    );
    output.line(format_args!("{warnings}, {notes}"))
}
