use std::collections::HashSet;
use std::path::Path;

use semilla::lint::{Finding, Rule, Severity, lint};
use semilla::{Graph, Role};
use semilla_checkpoint::ops::{Described, Planned, Watch, inspect};

use crate::args::lint::LintArgs;
use crate::commands::opened::opened;
use crate::commands::planned::{described, planned};
use crate::failure::Failure;
use crate::show::lint::print;
use crate::show::output::Output;

/// `semilla lint`: the likely mistakes of a plan; whether there are no warnings.
pub(crate) fn run(args: &LintArgs, output: &mut Output) -> Result<bool, Failure> {
    let model = described(&args.plan)?;
    let planned = planned(&args.plan, model.as_ref())?;
    let model = model.as_ref().ok_or(Failure::NoModel)?;
    let graph = model.graph().ok();
    let mut findings = findings(&planned, model, graph.as_deref());
    if let Some(path) = &args.weights {
        findings.extend(twins(path)?);
    }
    match output.is_json() {
        true => output.json(&findings)?,
        false => print(&findings, output)?,
    }
    let is_note = |finding: &Finding| finding.severity == Severity::Note;
    Ok(findings.iter().all(is_note))
}

/// The likely mistakes of a plan for a model, and of its graph, where it has one.
pub(crate) fn findings(
    planned: &Planned<'_>,
    model: &Described,
    graph: Option<&Graph>,
) -> Vec<Finding> {
    lint(&planned.plan, &model.model, graph)
}

/// Tensors of a file with the same bits. A head tied to its embedding is stored twice by many.
fn twins(path: &Path) -> Result<Vec<Finding>, Failure> {
    let report = inspect(opened(path, None)?, Watch::default())?;
    let of_role = |roles: [Role; 2]| -> HashSet<&str> {
        let tensors = report.tensors.iter();
        let tensors = tensors.filter(|tensor| roles.contains(&tensor.role));
        tensors.map(|tensor| &*tensor.name).collect()
    };
    let tied = of_role([Role::Embedding, Role::Head]);
    let groups = report.equal.iter();
    let groups = groups.filter(|names| !names.iter().all(|name| tied.contains(&**name)));
    let found = groups.map(|names| Finding {
        rule: Rule::Twins,
        severity: Severity::Note,
        tensors: names.clone(),
        reason: "they hold the same bits: tied, copied, or drawn from one seed each".to_owned(),
        remedy: "a key of its own for each, which a plan gives them; or a tie, if it is meant"
            .to_owned(),
    });
    Ok(found.collect())
}
