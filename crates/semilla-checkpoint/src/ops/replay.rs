//! Saved plans, carried out again.

use std::path::{Path, PathBuf};

use semilla::{Line, Plan, PlanError};

use super::lock::{LockError, check_kept, check_source};
use super::text::{TextError, read_text};
use super::{Described, Planned};
use crate::whole::{beside, with_norms};
use crate::{Checkpoint, Error, open};

/// A million tensors' lines.
const PLAN_BYTES: u64 = 1 << 30;

/// Why a saved plan cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The file is not a plan.
    #[error("{} is not a plan: {at}{problem}; make one with `semilla plan --json`", path.display())]
    NotAPlan {
        /// The file.
        path: PathBuf,
        /// The tensor and the field, where they are known.
        at: String,
        /// The reason.
        problem: String,
    },
    /// The plan contradicts itself, or is of a different version.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A checkpoint cannot be opened.
    #[error(transparent)]
    Checkpoint(#[from] Error),
    /// A file is not the one that the plan was made for.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Reads a saved plan and checks it.
///
/// # Errors
/// The file cannot be read or is not a plan, or the plan contradicts itself.
pub fn read_plan(path: &Path) -> Result<Plan, ReplayError> {
    parse_plan(path, &read_text(path, PLAN_BYTES)?)
}

/// A saved plan of this text, checked. `path` is where it comes from, for messages.
///
/// # Errors
/// It is not a plan, or contradicts itself.
pub fn parse_plan(path: &Path, text: &str) -> Result<Plan, ReplayError> {
    let plan: Plan = serde_json::from_str(text).map_err(|error| ReplayError::NotAPlan {
        path: path.to_owned(),
        at: place(text),
        problem: error.to_string(),
    })?;
    plan.check()?;
    Ok(plan)
}

/// Reads a saved plan and opens the files that it names; `own` is the model's own file, for tensors
/// that keep their values. Files must have the hashes that the plan records, if it records any.
///
/// # Errors
/// As [`read_plan`], or a file that cannot be opened or is a different one.
pub fn replay<'a>(path: &Path, own: Option<&'a Described>) -> Result<Planned<'a>, ReplayError> {
    reopen(read_plan(path)?, own)
}

/// As [`replay`], of a plan that was read.
///
/// # Errors
/// A file that cannot be opened or is a different one.
pub fn reopen(plan: Plan, own: Option<&Described>) -> Result<Planned<'_>, ReplayError> {
    let own = own.and_then(|described| described.file.as_deref());
    let mut pretrained: Vec<Box<dyn Checkpoint>> = Vec::with_capacity(plan.sources.len());
    for (place, source) in plan.sources.iter().enumerate() {
        let file = open(&source.path)?;
        check_source(source, &*file)?;
        let file = match source.decoded {
            true => beside(file)?,
            false => file,
        };
        let loads = plan.tensors.iter().flat_map(Line::loads);
        let of_it = loads.filter(|(_, load)| load.source == place);
        pretrained.push(with_norms(file, of_it.map(|(_, load)| &*load.tensor))?);
    }
    check_kept(&plan, own)?;
    Ok(Planned::new(plan, own, pretrained))
}

/// The tensor and the field that cannot be read, such as `tensor "fc.weight", fill: `.
fn place(text: &str) -> String {
    let mut json = serde_json::Deserializer::from_str(text);
    let Err(error) = serde_path_to_error::deserialize::<_, Plan>(&mut json) else {
        return String::new();
    };
    let path = error.path().to_string();
    let Some((number, field)) = path
        .strip_prefix("tensors[")
        .and_then(|rest| rest.split_once(']'))
    else {
        return match path.as_str() {
            "" | "." => String::new(),
            path => format!("{path}: "),
        };
    };
    let plan: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let place = number.parse::<usize>().ok();
    let name = place.and_then(|place| plan["tensors"][place]["name"].as_str());
    let tensor = name.map_or_else(
        || format!("tensor number {number}"),
        |name| format!("tensor {name:?}"),
    );
    match field.trim_start_matches('.') {
        "" => format!("{tensor}: "),
        field => format!("{tensor}, {field}: "),
    }
}
