//! The checkpoints that a recipe and its user name, opened and aligned with the model.

use std::sync::atomic::AtomicBool;

use semilla::transfer::{Op, Prefixes, SourceTensor};
use semilla::{PlanSource, Supply, Tie, Transfer, check_ties};

use super::{Planner, PlanningError};
use crate::ops::describe::describe_checkpoint;
use crate::ops::labels::read_rows;
use crate::ops::pieces::same;
use crate::remark::sentences;
use crate::{Checkpoint, Remark, open};

type Checkpoints = Vec<Box<dyn Checkpoint>>;

/// Aligns every checkpoint with the model. Tied tensors need not be in them.
pub(super) fn supply(planner: &Planner<'_>) -> Result<(Supply, Checkpoints), PlanningError> {
    let model = &planner.model.model;
    let ties = [&planner.recipe.ties[..], &planner.ties].concat();
    check_ties(&ties, model)?;
    let mut supply = Supply::default();
    let mut files = Checkpoints::new();
    for rules in rules(&planner.recipe.pretrained, planner.from.as_ref())? {
        files.push(add(&mut supply, planner, rules, &ties)?);
    }
    supply.tie(&ties, model, |left, right| equal(&files, left, right))?;
    Ok((supply, files))
}

/// The recipe's tables, with the user's file in the first that names none; or the user's rules.
fn rules(tables: &[Transfer], from: Option<&Transfer>) -> Result<Vec<Transfer>, PlanningError> {
    let mut tables = tables.to_vec();
    if let Some(rules) = from {
        let names_a_file_only = *rules
            == Transfer {
                from: rules.from.clone(),
                ..Transfer::default()
            };
        let unnamed = tables.iter().position(|table| table.from.is_none());
        match unnamed {
            Some(place) if names_a_file_only => tables[place].from = rules.from.clone(),
            None if tables.is_empty() => tables.push(rules.clone()),
            _ => return Err(PlanningError::TwoTransfers),
        }
    }
    match tables.iter().all(|table| table.from.is_some()) {
        true => Ok(tables),
        false => Err(PlanningError::NoSource),
    }
}

/// Opens the checkpoint that the rules name and adds what it gives.
fn add(
    supply: &mut Supply,
    planner: &Planner<'_>,
    mut rules: Transfer,
    ties: &[Tie],
) -> Result<Box<dyn Checkpoint>, PlanningError> {
    let path = rules.from.clone().unwrap_or_default();
    rules
        .may_miss
        .extend(ties.iter().map(|tie| tie.name.clone()));
    for adapt in &mut rules.adapt {
        if let Op::Rows(rows) = &mut adapt.op {
            read_rows(rows)?;
        }
    }
    let source = describe_checkpoint(open(&path)?, &path, planner.from_convention)?;
    let unreadable = unreadable(source.file.as_deref());
    rules.skip_unreadable(&source.model, &unreadable);
    let one_convention = source.convention == planner.model.convention;
    let alignment = rules
        .align(&planner.model.model, &source.model, one_convention)
        .map_err(|error| PlanningError::Transfer {
            path: path.clone(),
            unreadable: unreadable.join(", "),
            error,
        })?;
    let file = source.file.ok_or(PlanningError::NoSource)?;
    let remarks = sentences(file.remarks()).into_iter();
    let inferred = source
        .inferred
        .map(|inferred| format!("{inferred}; --from-layout overrides it"));
    let source = PlanSource {
        path,
        sha256: None,
        prefixes: Prefixes::default(),
        remarks: remarks.chain(inferred).collect(),
        tensors: file.tensors().len(),
        unused: Vec::new(),
    };
    supply.add(&planner.model.model, alignment, source);
    Ok(file)
}

/// The names of what a checkpoint has and cannot give.
fn unreadable(file: Option<&dyn Checkpoint>) -> Vec<String> {
    let remarks = file.map_or(&[][..], |file| file.remarks());
    let names = remarks.iter().filter_map(Remark::unreadable);
    names.map(str::to_owned).collect()
}

/// Whether two tensors of the checkpoints have the same values.
fn equal(
    files: &Checkpoints,
    left: SourceTensor<'_>,
    right: SourceTensor<'_>,
) -> Result<bool, PlanningError> {
    let place = |(source, name): SourceTensor<'_>| {
        let file = files.get(source)?;
        Some((&**file, file.tensors().index_of(name)?))
    };
    match (place(left), place(right)) {
        (Some(left), Some(right)) => Ok(same(left, right, &AtomicBool::new(false))?),
        _ => Ok(false),
    }
}
