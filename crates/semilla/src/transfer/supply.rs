//! The values that all checkpoints together give to a model.

use std::collections::{HashMap, HashSet};

use super::{Alignment, Fate, Given, PlanSource, Prefixes, Unused};
use crate::fill::{Fill, Load};
use crate::model::{Model, Tensor};
use crate::tie::{Tie, TieError};

/// The values that one or several checkpoints give to the tensors of one model.
///
/// Checkpoints are added in order: the first that has a tensor gives it. Tensors that are not
/// named are new.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Supply {
    fates: HashMap<String, Fate>,
    sources: Vec<PlanSource>,
    /// Tensors that were offered and not taken: the checkpoint, the tensor's name, and why.
    left: Vec<(usize, String, Unused)>,
}

/// One tensor of a supply's checkpoint.
pub type SourceTensor<'a> = (usize, &'a str);

impl Supply {
    /// Adds a checkpoint, aligned to the model. `source` says where it lies; its prefixes and its
    /// unused tensors are set here.
    pub fn add(&mut self, model: &Model, alignment: Alignment, source: PlanSource) {
        let index = self.sources.len();
        for (tensor, fate) in model.tensors.iter().zip(alignment.fates) {
            let fate = fate.of_source(index);
            match (self.fate(&tensor.name), &fate) {
                (Fate::Given(_), Fate::Given(given)) => {
                    self.leave(given, &tensor.shape, &Unused::GivenBefore);
                }
                (Fate::Given(_), _) | (_, Fate::New) => {}
                _ => self.set(&tensor.name, fate),
            }
        }
        self.sources.push(PlanSource {
            prefixes: Prefixes {
                strip: alignment.stripped,
                add: alignment.added,
            },
            unused: alignment.unused,
            ..source
        });
    }

    /// Sets the fate of one tensor.
    pub fn set(&mut self, name: &str, fate: Fate) {
        self.fates.insert(name.to_owned(), fate);
    }

    /// The fate of a tensor.
    pub fn fate(&self, name: &str) -> &Fate {
        self.fates.get(name).unwrap_or(&Fate::New)
    }

    /// Whether checkpoints give the whole tensor, so that an initializer fills no part.
    pub fn gives_whole(&self, tensor: &Tensor) -> bool {
        let given = self.fate(&tensor.name).given();
        given.is_some_and(|given| given.is_whole(&tensor.shape))
    }

    /// The tensors whose fate was set, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fates.keys().map(String::as_str)
    }

    /// Gives tied tensors the values of those that they are tied to. Where checkpoints give both,
    /// `same` must find their values equal.
    ///
    /// # Errors
    /// Values that differ, a tie to a tensor that no checkpoint gives, or an error of `same`.
    pub fn tie<E: From<TieError>>(
        &mut self,
        ties: &[Tie],
        model: &Model,
        mut same: impl FnMut(SourceTensor<'_>, SourceTensor<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        for tie in ties {
            let Some(tensor) = model.tensors.iter().find(|tensor| tensor.name == tie.name) else {
                continue;
            };
            let names = |given: &Given| given.tensors(&tensor.shape).join(", ");
            match (self.fate(&tie.name).given(), self.fate(&tie.to).given()) {
                (Some(given), None) => return Err(tied_to_new(tie, names(given)).into()),
                (Some(given), Some(to)) if !equal(given, to, &mut same)? => {
                    let tensors = (names(given), names(to));
                    return Err(TieError::Different {
                        tie: tie.clone(),
                        tensors,
                    }
                    .into());
                }
                _ => {}
            }
            let taken = self.fate(&tie.to).clone();
            if let Some(Fate::Given(given)) = self.fates.insert(tie.name.clone(), taken) {
                let to = tie.to.clone();
                self.leave(&given, &tensor.shape, &Unused::Tied { to });
            }
        }
        Ok(())
    }

    /// Checks that no tied tensor has values of its own.
    pub(crate) fn check_ties(&self, ties: &[Tie]) -> Result<(), TieError> {
        let own = ties.iter().find_map(|tie| {
            let given = self.fate(&tie.name).given()?;
            (self.fate(&tie.to).given() != Some(given)).then_some((tie, given))
        });
        match own {
            None => Ok(()),
            Some((tie, given)) => Err(tied_to_new(tie, given.tensors(&[]).join(", "))),
        }
    }

    /// The checkpoints as a plan lists them, with every tensor that no target takes.
    pub(crate) fn into_sources(mut self, model: &Model) -> Vec<PlanSource> {
        let fates = model
            .tensors
            .iter()
            .map(|tensor| (self.fate(&tensor.name), tensor));
        let given = fates.filter_map(|(fate, tensor)| Some((fate.given()?, &tensor.shape)));
        let mut known: HashSet<(usize, String)> = given
            .flat_map(|(given, shape)| given.fill.loads(shape))
            .map(|(_, load)| (load.source, load.tensor.clone()))
            .collect();
        for (source, name, why) in self.left.drain(..) {
            if let (Some(of), true) = (
                self.sources.get_mut(source),
                known.insert((source, name.clone())),
            ) {
                of.unused.push((name, why));
            }
        }
        self.sources
    }

    /// Remembers why a target of this shape does not take a checkpoint's values.
    fn leave(&mut self, given: &Given, shape: &[usize], why: &Unused) {
        let loads = given.fill.loads(shape);
        let left = loads
            .iter()
            .map(|(_, load)| (load.source, load.tensor.clone(), why.clone()));
        self.left.extend(left);
    }
}

fn tied_to_new(tie: &Tie, tensor: String) -> TieError {
    let tie = tie.clone();
    TieError::ToNew { tie, tensor }
}

/// Whether both take tensors of the same values, as far as each takes one tensor of a checkpoint.
fn equal<E>(
    left: &Given,
    right: &Given,
    same: &mut impl FnMut(SourceTensor<'_>, SourceTensor<'_>) -> Result<bool, E>,
) -> Result<bool, E> {
    let (Fill::Load(left), Fill::Load(right)) = (&left.fill, &right.fill) else {
        return Ok(left.fill == right.fill);
    };
    // What operations make of them may differ, such as a head's inputs, which growth divides: one
    // is taken for both.
    fn place(load: &Load) -> SourceTensor<'_> {
        (load.source, &load.tensor)
    }
    same(place(left), place(right))
}
