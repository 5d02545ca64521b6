//! A checkpoint's list laid beside a model's.

use std::collections::HashMap;

use super::names::{best_prefixes, collision, proposal, renamed};
use super::offers::Offers;
use super::parts::{Pattern, numbered};
use super::{Fate, Prefixes, SHOWN, Transfer, TransferError, Unmet, Unused, check_fired, matching};
use crate::model::{Model, Tensor};
use crate::suggest::did_you_mean;

/// What becomes of every tensor of a model and of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// What becomes of each target, with [`Load::source`](super::Load::source) 0.
    pub fates: Vec<Fate>,
    /// Source tensors that are not used, and why.
    pub unused: Vec<(String, Unused)>,
    /// The prefix that was taken from the source's names.
    pub stripped: String,
    /// The prefix that was put before them.
    pub added: String,
    /// Whether the prefixes were found, not given.
    pub found: bool,
}

impl Transfer {
    /// Lays a checkpoint's tensors beside a model's, by names, shapes and layouts alone.
    ///
    /// Both models' layouts say which axis is which. Where they do not tell, axes are taken to lie in the same order if
    /// `one_convention` says that both models store weights in the same way.
    ///
    /// # Errors
    /// A rule that matches nothing, two sources for one target, a target that must load and does not, too small a
    /// coverage, or no match at all.
    pub fn align(
        &self,
        target: &Model,
        source: &Model,
        one_convention: bool,
    ) -> Result<Alignment, TransferError> {
        let targets: Vec<(&str, u64)> = target.tensors.iter().map(sized).collect();
        let target_names = || target.tensors.iter().map(|tensor| tensor.name.as_str());
        let adapted: Vec<String> = self.adapt.iter().map(|adapt| adapt.glob.clone()).collect();
        for (what, globs) in [
            ("into", &self.into),
            ("must_load", &self.must_load),
            ("may_miss", &self.may_miss),
            ("adapt", &adapted),
        ] {
            check_fired(what, "model", globs, target_names())?;
        }
        let source_names: Vec<&str> = source.tensors.iter().map(|t| t.name.as_str()).collect();
        check_fired(
            "exclude",
            "checkpoint",
            &self.exclude,
            source_names.iter().copied(),
        )?;

        let names = renamed(&source_names, &self.rename)?;
        let sizes = source
            .tensors
            .iter()
            .map(|tensor| tensor.len().unwrap_or(0));
        let sized: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(sizes).collect();
        let found = self.strip.is_none() && self.add.is_none();
        let prefixes = if found {
            let (of_sources, of_targets) = self.names_of_parts(&sized, &targets)?;
            best_prefixes(&with(&sized, &of_sources), &with(&targets, &of_targets))?
        } else {
            Prefixes {
                strip: self.strip.clone().unwrap_or_default(),
                add: self.add.clone().unwrap_or_default(),
            }
        };

        let mut unused = Vec::new();
        let mut offered = Vec::new();
        let mut excluded = HashMap::new();
        for (place, name) in names.iter().enumerate() {
            let own = source_names[place];
            let rest = name.strip_prefix(&prefixes.strip);
            let name = rest.map(|rest| format!("{}{rest}", prefixes.add));
            match (matching(&self.exclude, own), name) {
                (Some(glob), name) => {
                    unused.push((own.to_owned(), Unused::Excluded { glob: glob.clone() }));
                    excluded.extend(name.map(|name| (name, glob)));
                }
                (None, Some(name)) => offered.push((place, name)),
                (None, None) => {
                    let prefix = prefixes.strip.clone();
                    unused.push((own.to_owned(), Unused::OtherPrefix { prefix }));
                }
            }
        }
        if let Some((name, first, second)) = collision(&offered) {
            let own = |place: usize| source_names[place].to_owned();
            return Err(TransferError::Collision {
                target: name.to_owned(),
                sources: (own(first), own(second)),
            });
        }

        let offers = Offers::new(self, target, source, &offered, one_convention)?;
        let mut fates = Vec::with_capacity(target.tensors.len());
        let mut unmet = Vec::new();
        let mut left: HashMap<usize, Unused> = HashMap::new();
        let mut used = vec![false; source_names.len()];
        let mut named = false;
        for tensor in &target.tensors {
            let Some(offer) = offers.find(&tensor.name) else {
                let rule = excluded.get(&offers.wanted(&tensor.name));
                fates.push(match rule {
                    Some(glob) => Fate::excluded("exclude", glob),
                    None => Fate::New,
                });
                if self.is_meant(&tensor.name) && self.must(&tensor.name) {
                    // Looking for what was meant takes long: only for what will be shown.
                    let shown = unmet.len() < SHOWN;
                    let known = offered.iter().map(|(_, name)| name.as_str());
                    let target = tensor.name.clone();
                    unmet.push(match rule {
                        Some(glob) => Unmet::Excluded {
                            target,
                            glob: (*glob).clone(),
                        },
                        None => Unmet::Missing {
                            hint: did_you_mean(&target, known.filter(|_| shown)),
                            target,
                        },
                    });
                }
                continue;
            };
            named = true;
            let places = offer.places();
            let mut leave = |why: Unused| left.extend(places.iter().map(|&p| (p, why.clone())));
            if !self.is_meant(&tensor.name) {
                leave(Unused::OutOfScope);
                fates.push(Fate::excluded("into", &self.into.join("\", \"")));
                continue;
            }
            let may_miss = matching(&self.may_miss, &tensor.name);
            fates.push(match offers.give(tensor, &offer) {
                Ok(given) if given.is_any(&tensor.shape) => {
                    places.iter().for_each(|&place| used[place] = true);
                    Fate::Given(given)
                }
                outcome => {
                    let target = tensor.shape.clone();
                    leave(Unused::Shape { target });
                    if let (Err(problem), true) = (outcome, self.must(&tensor.name)) {
                        unmet.push(problem);
                    }
                    match may_miss {
                        Some(glob) => Fate::excluded("may_miss", glob),
                        None => Fate::New,
                    }
                }
            });
        }
        if !unmet.is_empty() && named {
            let proposal = proposal(&sized, &targets);
            return Err(TransferError::Targets { unmet, proposal });
        }
        if !used.contains(&true) && !target.tensors.is_empty() {
            return Err(match named {
                true => TransferError::NothingTaken,
                false => no_match(&sized, &targets),
            });
        }
        offers.check_fired()?;
        for (place, name) in &offered {
            if !used[*place] {
                let fate = match left.remove(place) {
                    Some(fate) => fate,
                    None if offers.is_left(name) => Unused::OtherLayer,
                    None => Unused::NoTarget,
                };
                unused.push((source_names[*place].to_owned(), fate));
            }
        }
        self.check_coverage(target, &fates)?;
        Ok(Alignment {
            fates,
            unused,
            stripped: prefixes.strip,
            added: prefixes.add,
            found,
        })
    }

    /// The names that fused and split tensors have in parts: what prefixes are found by as well.
    fn names_of_parts(
        &self,
        sources: &[(&str, u64)],
        targets: &[(&str, u64)],
    ) -> Result<(Vec<String>, Vec<String>), TransferError> {
        let parts = |pattern: &Pattern, names: &[(&str, u64)]| -> Vec<String> {
            let parts = names.iter().filter_map(|(name, _)| pattern.parts(name));
            parts.flatten().map(|name| numbered(&name, 0)).collect()
        };
        let (mut of_sources, mut of_targets) = (Vec::new(), Vec::new());
        for split in &self.split {
            let pattern = Pattern::new(&split.source, &split.parts, split.interleaved)?;
            of_sources.extend(parts(&pattern, sources));
        }
        for fuse in &self.fuse {
            let pattern = Pattern::new(&fuse.target, &fuse.parts, fuse.interleaved)?;
            of_targets.extend(parts(&pattern, targets));
        }
        Ok((of_sources, of_targets))
    }

    /// Whether the checkpoint is for this target.
    fn is_meant(&self, name: &str) -> bool {
        self.into.is_empty() || matching(&self.into, name).is_some()
    }

    /// Whether a target may not do without.
    fn must(&self, name: &str) -> bool {
        let asked = self.must_load.is_empty() || matching(&self.must_load, name).is_some();
        asked && matching(&self.may_miss, name).is_none()
    }

    fn check_coverage(&self, target: &Model, fates: &[Fate]) -> Result<(), TransferError> {
        let Some(asked) = self.min_coverage else {
            return Ok(());
        };
        if !(0.0..=1.0).contains(&asked) {
            return Err(TransferError::CoverageAsked(asked));
        }
        let (mut taken, mut all) = (0, 0);
        for (tensor, fate) in target.tensors.iter().zip(fates) {
            all += tensor.len().unwrap_or(0);
            let elements = fate.given().map(|given| given.elements(&tensor.shape));
            taken += elements.unwrap_or(0);
        }
        let found = taken as f64 / (all.max(1)) as f64;
        if found < asked {
            return Err(TransferError::Coverage { found, asked });
        }
        Ok(())
    }
}

/// Names with sizes, and others of no size.
fn with<'a>(names: &[(&'a str, u64)], others: &'a [String]) -> Vec<(&'a str, u64)> {
    let others = others.iter().map(|name| (name.as_str(), 0));
    names.iter().copied().chain(others).collect()
}

fn sized(tensor: &Tensor) -> (&str, u64) {
    (&tensor.name, tensor.len().unwrap_or(0))
}

fn no_match(sources: &[(&str, u64)], targets: &[(&str, u64)]) -> TransferError {
    let names = |list: &[(&str, u64)]| {
        list.iter()
            .take(4)
            .map(|(name, _)| (*name).to_owned())
            .collect()
    };
    TransferError::NoMatch {
        checkpoint: names(sources),
        model: names(targets),
        proposal: proposal(sources, targets),
    }
}
