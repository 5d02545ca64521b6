//! The checkpoints that a recipe and its user name, opened and aligned with the model.

use std::sync::atomic::AtomicBool;

use semilla::model::Convention;
use semilla::transfer::{Op, Prefixes, SourceTensor};
use semilla::{PlanSource, Supply, Tie, Transfer, check_ties};

use super::PlanningError;
use crate::ops::describe::{Described, describe_checkpoint};
use crate::ops::labels::read_rows;
use crate::ops::pieces::same;
use crate::remark::sentences;
use crate::whole::{beside, with_norms};
use crate::{Checkpoint, Remark, open};

type Checkpoints = Vec<Box<dyn Checkpoint>>;

/// The choices that say which checkpoints give what.
pub(super) struct Choices<'a> {
    pub(super) model: &'a Described,
    /// The `[[pretrained]]` tables of the recipe.
    pub(super) tables: &'a [Transfer],
    /// The user's rules.
    pub(super) from: Option<&'a Transfer>,
    /// The convention that the user states for the checkpoints.
    pub(super) convention: Option<Convention>,
    /// All ties, the recipe's and the user's. Tied tensors need not be in the checkpoints.
    pub(super) ties: &'a [Tie],
}

/// Opens every checkpoint and aligns it with the model.
pub(super) fn supply(choices: &Choices<'_>) -> Result<(Supply, Checkpoints), PlanningError> {
    let model = &choices.model.model;
    check_ties(choices.ties, model)?;
    let mut supply = Supply::default();
    let mut files = Checkpoints::new();
    for rules in rules(choices.tables, choices.from)? {
        files.push(add(&mut supply, choices, rules)?);
    }
    supply.tie(choices.ties, model, |left, right| {
        equal(&files, left, right)
    })?;
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
    choices: &Choices<'_>,
    mut rules: Transfer,
) -> Result<Box<dyn Checkpoint>, PlanningError> {
    let path = rules.from.clone().unwrap_or_default();
    rules
        .may_miss
        .extend(choices.ties.iter().map(|tie| tie.name.clone()));
    for adapt in &mut rules.adapt {
        if let Op::Rows(rows) = &mut adapt.op {
            read_rows(rows)?;
        }
    }
    let source = describe_checkpoint(beside(open(&path)?)?, &path, choices.convention)?;
    let unreadable = unreadable(source.file.as_deref());
    rules.skip_unreadable(&source.model, &unreadable);
    let one_convention = source.convention == choices.model.convention;
    let mut alignment = rules
        .align(&choices.model.model, &source.model, one_convention)
        .map_err(|error| PlanningError::Transfer {
            path: path.clone(),
            unreadable: unreadable.join(", "),
            error: Box::new(error),
        })?;
    let file = source.file.ok_or(PlanningError::NoSource)?;
    let is_decoded = (0..file.tensors().len()).any(|tensor| file.made_of_parts(tensor).is_some());
    alignment.note(&choices.model.model, |tensor| {
        file.made_of_parts(file.tensors().index_of(tensor)?)
    });
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
        decoded: is_decoded,
        unused: Vec::new(),
    };
    let taken = alignment.taken(&choices.model.model);
    let file = with_norms(file, taken.iter().map(String::as_str))?;
    supply.add(&choices.model.model, alignment, source);
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
