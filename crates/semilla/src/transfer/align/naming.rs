//! The names that a checkpoint's tensors get.

use std::collections::HashMap;

use crate::container::{Container, Owner};
use crate::encoding::{encoded, stored_name};
use crate::model::{Model, Tensor};
use crate::transfer::encoded::Encodings;
use crate::transfer::error::TransferError;
use crate::transfer::parts::{Pattern, numbered};
use crate::transfer::prefixes::{Prefixes, best_prefixes};
use crate::transfer::propose::proposal;
use crate::transfer::rename::{collision, renamed};
use crate::transfer::rules::{Transfer, matching};
use crate::transfer::unused::Unused;

/// A checkpoint's tensors, under the names that they get.
pub(super) struct Naming<'a> {
    /// All names after the renames, before any prefix is changed.
    renamed: Vec<String>,
    /// Whose each tensor is.
    owners: Vec<Owner>,
    pub(super) prefixes: Prefixes,
    /// Whether the prefixes were found, not given.
    pub(super) is_found: bool,
    /// The tensors that may be used: their indices in the checkpoint and their new names.
    pub(super) offered: Vec<(usize, String)>,
    /// The new names of tensors that are excluded, and the rules.
    pub(super) excluded: HashMap<String, &'a str>,
    /// The tensors that may not be used, and why.
    pub(super) left_out: Vec<(String, Unused)>,
}

impl<'a> Naming<'a> {
    /// # Errors
    /// A regular expression is not valid or matches nothing, or two choices of prefixes match
    /// equally well.
    pub(super) fn new(
        rules: &'a Transfer,
        target: &Model,
        source: &Model,
    ) -> Result<Self, TransferError> {
        let names = source.tensors.iter().map(|t| stored_name(&t.name));
        let own: Vec<&str> = names.collect();
        let owners = Container::of(&own).owners().to_vec();
        let renamed = renamed(&own, &rules.rename)?;
        let is_found = rules.strip.is_none() && rules.add.is_none();
        let prefixes = match is_found {
            true => found(rules, &weights(&renamed, source, &owners), target)?,
            false => Prefixes {
                strip: rules.strip.clone().unwrap_or_default(),
                add: rules.add.clone().unwrap_or_default(),
            },
        };
        let mut naming = Self {
            renamed,
            owners,
            prefixes,
            is_found,
            offered: Vec::new(),
            excluded: HashMap::new(),
            left_out: Vec::new(),
        };
        for (index, own) in own.into_iter().enumerate() {
            naming.sort(rules, index, own);
        }
        Ok(naming)
    }

    /// Of each weight that the checkpoint has in parts, and put together as well, offers only what
    /// its target takes: the parts if the target is stored in them, or else the weight.
    pub(super) fn choose(&mut self, source: &Model, encodings: &Encodings) {
        let names: HashMap<usize, &str> = self
            .offered
            .iter()
            .map(|(index, name)| (*index, name.as_str()))
            .collect();
        let is_wanted = |main: usize| {
            let name = names.get(&main);
            name.is_some_and(|name| encodings.is_wanted(main, name))
        };
        let mut left_out: HashMap<usize, Unused> = HashMap::new();
        for index in 0..source.tensors.len() {
            let Some(parts) = encodings.source(index) else {
                continue;
            };
            match parts.whole {
                Some(whole) if is_wanted(parts.main) => {
                    left_out.insert(whole, Unused::InParts);
                }
                Some(_) => {
                    let of = parts.weight.clone();
                    left_out.insert(index, Unused::Part { of });
                }
                None => {}
            }
        }
        self.offered.retain(|(index, _)| {
            let why = left_out.remove(index);
            let left = why.map(|why| (source.tensors[*index].name.clone(), why));
            let is_kept = left.is_none();
            self.left_out.extend(left);
            is_kept
        });
    }

    /// Offers a tensor under its new name, or leaves it out.
    fn sort(&mut self, rules: &'a Transfer, index: usize, own: &str) {
        let Prefixes { strip, add } = &self.prefixes;
        let rest = self.renamed[index].strip_prefix(strip);
        let name = rest.map(|rest| format!("{add}{rest}"));
        match (matching(&rules.exclude, own), name) {
            (Some(glob), name) => {
                let why = Unused::Excluded { glob: glob.clone() };
                self.left_out.push((own.to_owned(), why));
                self.excluded.extend(name.map(|name| (name, glob.as_str())));
            }
            (None, _) if self.owners[index] == Owner::Optimizer => {
                self.left_out.push((own.to_owned(), Unused::Optimizer));
            }
            (None, Some(name)) => self.offered.push((index, name)),
            (None, None) => {
                let prefix = strip.clone();
                let why = Unused::OtherPrefix { prefix };
                self.left_out.push((own.to_owned(), why));
            }
        }
    }

    /// # Errors
    /// Two tensors have the same new name.
    pub(super) fn check_collision(&self, source: &Model) -> Result<(), TransferError> {
        let own = |index: usize| source.tensors[index].name.clone();
        match collision(&self.offered) {
            None => Ok(()),
            Some((name, first, second)) => Err(TransferError::Collision {
                target: name.to_owned(),
                sources: (own(first), own(second)),
            }),
        }
    }

    /// Renames that may help.
    pub(super) fn proposal(&self, target: &Model, source: &Model, encodings: &Encodings) -> String {
        /// No target has as many elements.
        const NEVER: u64 = u64::MAX;
        let mut sources = sized(&self.renamed, source);
        for (index, (_, size)) in sources.iter_mut().enumerate() {
            if encodings.source(index).is_some() || self.owners[index] == Owner::Optimizer {
                *size = NEVER;
            }
        }
        proposal(&sources, &names_of(target))
    }

    /// No name matches.
    pub(super) fn no_match(
        &self,
        target: &Model,
        source: &Model,
        encodings: &Encodings,
    ) -> TransferError {
        let first = |names: &mut dyn Iterator<Item = &str>| -> Vec<String> {
            names.take(4).map(str::to_owned).collect()
        };
        let weights = weights(&self.renamed, source, &self.owners);
        let mut targets = target.tensors.iter().map(|tensor| tensor.name.as_str());
        TransferError::NoMatch {
            checkpoint: first(&mut weights.iter().map(|(name, _)| *name)),
            model: first(&mut targets),
            proposal: self.proposal(target, source, encodings),
        }
    }
}

/// A name, and the elements of its tensor.
type Sized<'a> = (&'a str, u64);

/// The checkpoint's new names.
fn sized<'a>(renamed: &'a [String], source: &Model) -> Vec<Sized<'a>> {
    let sizes = source.tensors.iter().map(elements);
    renamed.iter().map(String::as_str).zip(sizes).collect()
}

/// Those that may be weights.
fn weights<'a>(renamed: &'a [String], source: &Model, owners: &[Owner]) -> Vec<Sized<'a>> {
    let all = sized(renamed, source).into_iter().zip(owners);
    all.filter(|(_, owner)| **owner != Owner::Optimizer)
        .map(|(tensor, _)| tensor)
        .collect()
}

fn names_of(target: &Model) -> Vec<Sized<'_>> {
    let tensors = target.tensors.iter();
    tensors
        .map(|tensor| (tensor.name.as_str(), elements(tensor)))
        .collect()
}

fn elements(tensor: &Tensor) -> u64 {
    tensor.len().unwrap_or(0)
}

/// The prefixes that match most, also by the names that fused and split tensors have in parts, and
/// by those of weights that the model stores in parts.
fn found(
    rules: &Transfer,
    sources: &[Sized<'_>],
    target: &Model,
) -> Result<Prefixes, TransferError> {
    let targets = &names_of(target)[..];
    let all = target.tensors.iter().map(|t| (t.name.as_str(), t.dtype));
    let in_parts = encoded(all).into_iter().map(|found| found.weight);
    let (mut of_sources, mut of_targets) = (Vec::new(), in_parts.collect::<Vec<String>>());
    for split in &rules.split {
        let pattern = Pattern::new(&split.source, &split.parts, split.interleaved)?;
        of_sources.extend(parts(&pattern, sources));
    }
    for fuse in &rules.fuse {
        let pattern = Pattern::new(&fuse.target, &fuse.parts, fuse.interleaved)?;
        of_targets.extend(parts(&pattern, targets));
    }
    best_prefixes(&with(sources, &of_sources), &with(targets, &of_targets))
}

/// The names of the first parts of all tensors that a pattern matches.
fn parts(pattern: &Pattern, names: &[Sized<'_>]) -> Vec<String> {
    let parts = names.iter().filter_map(|(name, _)| pattern.parts(name));
    parts.flatten().map(|name| numbered(&name, 0)).collect()
}

/// The names, and others without elements.
fn with<'a>(names: &[Sized<'a>], others: &'a [String]) -> Vec<Sized<'a>> {
    let others = others.iter().map(|name| (name.as_str(), 0));
    names.iter().copied().chain(others).collect()
}
