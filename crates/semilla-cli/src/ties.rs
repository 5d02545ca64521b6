//! Tied tensors laid beside what checkpoints give.

use semilla::transfer::{Fate, Given, Unused};
use semilla::{Fill, Load, Model, Tie};

use crate::compare::same;
use crate::failure::Failure;
use crate::transfer::Transferred;

/// `NAME=OTHER`.
pub(crate) fn tie(text: &str) -> Result<Tie, String> {
    let parts = text
        .split_once('=')
        .filter(|(name, to)| !name.is_empty() && !to.is_empty());
    let (name, to) = parts.ok_or("write NAME=OTHER, such as lm_head.weight=embed_tokens.weight")?;
    Ok((name.to_owned(), to.to_owned()).into())
}

/// Gives tied tensors what those that they are tied to load. Where checkpoints give both, they must be equal.
///
/// The ties must be tensors of the model.
pub(crate) fn settle(
    ties: &[Tie],
    model: &Model,
    transferred: &mut Transferred,
) -> Result<(), Failure> {
    for tie in ties {
        let place = |name: &str| model.tensors.iter().position(|tensor| tensor.name == name);
        let (Some(own), Some(other)) = (place(&tie.name), place(&tie.to)) else {
            continue;
        };
        let shape = &model.tensors[own].shape;
        let names = |given: &Given| given.tensors(shape).join(", ");
        let (fate, to) = (&transferred.fates[own], &transferred.fates[other]);
        match (fate.given(), to.given()) {
            (Some(given), None) => {
                return Err(Failure::TiedToNew {
                    name: tie.name.clone(),
                    to: tie.to.clone(),
                    tensor: names(given),
                });
            }
            (Some(given), Some(to)) if !equal(given, to, transferred)? => {
                return Err(Failure::Untied {
                    name: tie.name.clone(),
                    to: tie.to.clone(),
                    tensors: (names(given), names(to)),
                });
            }
            _ => {}
        }
        let taken = transferred.fates[other].clone();
        if let Fate::Given(given) = std::mem::replace(&mut transferred.fates[own], taken) {
            let to = tie.to.clone();
            transferred.leave(&given, shape, &Unused::Tied { to });
        }
    }
    Ok(())
}

/// Whether both are given of tensors with the same values, as far as one tensor of a checkpoint each gives them.
fn equal(left: &Given, right: &Given, transferred: &Transferred) -> Result<bool, Failure> {
    let (Fill::Load(left), Fill::Load(right)) = (&left.fill, &right.fill) else {
        return Ok(left.fill == right.fill);
    };
    // What the operations make of them may differ, such as a head's inputs, which growth divides: one is taken for both.
    let place = |load: &Load| {
        let file = transferred.files.get(load.source)?;
        Some((&**file, file.tensors().index_of(&load.tensor)?))
    };
    match (place(left), place(right)) {
        (Some(left), Some(right)) => same(left, right),
        _ => Ok(false),
    }
}
