//! Decides the fate of each target, and keeps account of the checkpoint's tensors.

use std::collections::HashMap;

use super::naming::Naming;
use super::tally::Tally;
use crate::model::{Model, Tensor};
use crate::suggest::did_you_mean;
use crate::transfer::error::TransferError;
use crate::transfer::given::Fate;
use crate::transfer::offers::{Giver, Offer, Offers};
use crate::transfer::rules::matching;
use crate::transfer::unmet::{SHOWN, Unmet};
use crate::transfer::unused::Unused;

/// The fates that are decided so far.
pub(super) struct Ledger<'a> {
    naming: &'a Naming<'a>,
    offers: &'a Offers<'a>,
    giver: &'a Giver<'a>,
    /// The fates of the targets, in order.
    pub(super) fates: Vec<Fate>,
    /// The targets that must load and do not.
    unmet: Vec<Unmet>,
    /// For each of the checkpoint's tensors, whether it is used.
    is_used: Vec<bool>,
    /// Why tensors that were offered are not used.
    left: HashMap<usize, Unused>,
    /// Whether anything was offered for any target.
    is_any_offered: bool,
    tally: Tally,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        naming: &'a Naming<'a>,
        offers: &'a Offers<'a>,
        giver: &'a Giver<'a>,
        sources: usize,
    ) -> Self {
        Self {
            naming,
            offers,
            giver,
            fates: Vec::new(),
            unmet: Vec::new(),
            is_used: vec![false; sources],
            left: HashMap::new(),
            is_any_offered: false,
            tally: Tally::new(giver.rules),
        }
    }

    /// Decides the fate of the next target.
    pub(super) fn decide(&mut self, target: &Tensor) {
        let found = self.offers.find(target, self.giver.target);
        self.tally.count_fuses(&found.fuses);
        let fate = match found.offer {
            None => self.without_offer(target),
            Some(offer) => {
                self.is_any_offered = true;
                self.with_offer(target, &offer)
            }
        };
        self.fates.push(fate);
    }

    fn without_offer(&mut self, target: &Tensor) -> Fate {
        let source = self.offers.source_name(&target.name);
        let rule = self.naming.excluded.get(&source).copied();
        let rules = self.giver.rules;
        if rules.is_for(&target.name) && rules.is_required(&target.name) {
            let unmet = self.missing(target, rule);
            self.unmet.push(unmet);
        }
        match rule {
            Some(glob) => Fate::excluded("exclude", glob),
            None => Fate::New,
        }
    }

    fn missing(&self, target: &Tensor, rule: Option<&str>) -> Unmet {
        let target = target.name.clone();
        if let Some(glob) = rule {
            let glob = glob.to_owned();
            return Unmet::Excluded { target, glob };
        }
        // Finding a suggestion takes long: only for targets that will be shown.
        let is_shown = self.unmet.len() < SHOWN;
        let known = self.naming.offered.iter().filter(|_| is_shown);
        let hint = did_you_mean(&target, known.map(|(_, name)| name.as_str()));
        Unmet::Missing { target, hint }
    }

    fn with_offer(&mut self, target: &Tensor, offer: &Offer<'_>) -> Fate {
        let rules = self.giver.rules;
        if !rules.is_for(&target.name) {
            self.leave(offer, &Unused::OutOfScope);
            return Fate::excluded("into", &rules.into.join("\", \""));
        }
        self.tally.count_new_layer(offer);
        let problem = match self.giver.give(target, offer) {
            Ok(given) if given.is_any(&target.shape) => {
                for source in offer.sources() {
                    self.is_used[source] = true;
                }
                return Fate::Given(given);
            }
            Ok(_) => None,
            Err(problem) => Some(problem),
        };
        let shape = target.shape.clone();
        self.leave(offer, &Unused::Shape { target: shape });
        if rules.is_required(&target.name) {
            self.unmet.extend(problem);
        }
        match matching(&rules.may_miss, &target.name) {
            Some(glob) => Fate::excluded("may_miss", glob),
            None => Fate::New,
        }
    }

    fn leave(&mut self, offer: &Offer<'_>, why: &Unused) {
        let sources = offer.sources();
        self.left
            .extend(sources.into_iter().map(|source| (source, why.clone())));
    }

    /// # Errors
    /// A target that must load does not, nothing is taken, or a rule has no effect.
    pub(super) fn check(&mut self, target: &Model, source: &Model) -> Result<(), TransferError> {
        if !self.unmet.is_empty() && self.is_any_offered {
            return Err(TransferError::Targets {
                unmet: std::mem::take(&mut self.unmet),
                proposal: self.naming.proposal(target, source),
            });
        }
        if !self.is_used.contains(&true) && !target.tensors.is_empty() {
            return Err(match self.is_any_offered {
                true => TransferError::NothingTaken,
                false => self.naming.no_match(target, source),
            });
        }
        self.tally.check(self.giver.rules)
    }

    /// The checkpoint's tensors that are not used, and why.
    pub(super) fn unused(&self, source: &Model) -> Vec<(String, Unused)> {
        let mut unused = self.naming.left_out.clone();
        for (index, name) in &self.naming.offered {
            if !self.is_used[*index] {
                let why = match self.left.get(index) {
                    Some(why) => why.clone(),
                    None if self.offers.is_left_out(name) => Unused::OtherLayer,
                    None => Unused::NoTarget,
                };
                unused.push((source.tensors[*index].name.clone(), why));
            }
        }
        unused
    }
}
