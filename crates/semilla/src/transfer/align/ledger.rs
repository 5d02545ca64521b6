//! Decides the fate of each target, and keeps account of the checkpoint's tensors.

use std::collections::HashMap;

use super::naming::Naming;
use super::tally::Tally;
use crate::model::{Model, Role, Tensor};
use crate::suggest::did_you_mean;
use crate::transfer::encoded::{Encodings, InParts, Normalized};
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
    encodings: &'a Encodings,
    source: &'a Model,
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
        encodings: &'a Encodings,
        source: &'a Model,
    ) -> Self {
        Self {
            naming,
            offers,
            giver,
            encodings,
            source,
            fates: Vec::new(),
            unmet: Vec::new(),
            is_used: vec![false; source.tensors.len()],
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
            None => match self.normalized(target) {
                Some(fate) => fate,
                None => self.without_offer(target),
            },
            Some(offer) => {
                self.is_any_offered = true;
                self.with_offer(target, &offer)
            }
        };
        self.fates.push(fate);
    }

    /// The fate of a part of a weight-normalized weight that the checkpoint has whole.
    fn normalized(&mut self, target: &Tensor) -> Option<Fate> {
        let parts = self.encodings.target(&target.name)?;
        let part = parts.of_weight_norm()?;
        let direction = self.giver.target.at(parts.main);
        let of_weight = Tensor {
            name: parts.weight.clone(),
            ..direction.clone()
        };
        let Some(Offer::One(source)) = self.offers.find(&of_weight, self.giver.target).offer else {
            return None;
        };
        self.is_any_offered = true;
        let offer = Offer::One(source);
        if !self.giver.rules.is_for(&target.name)
            || self.encodings.barred(&of_weight.name, &[source]).is_some()
        {
            return Some(self.with_offer(target, &offer));
        }
        let given = match part {
            Normalized::Direction => self.giver.direction(target, &offer),
            Normalized::Length => self.giver.length(target, direction, &offer),
        };
        Some(match given {
            Ok(given) => {
                self.is_used[source] = true;
                Fate::Given(given)
            }
            Err(problem) => self.without_values(target, Some(problem)),
        })
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

    fn missing(&self, tensor: &Tensor, rule: Option<&str>) -> Unmet {
        let target = tensor.name.clone();
        if let Some(glob) = rule {
            let glob = glob.to_owned();
            return Unmet::Excluded { target, glob };
        }
        if let Some((source, encoded)) = self.encodings.of_whole(&target) {
            return self.encoded(tensor, source, encoded);
        }
        // Finding a suggestion takes long: only for targets that will be shown.
        let is_shown = self.unmet.len() < SHOWN;
        let known = self.naming.offered.iter().filter(|_| is_shown);
        let likely = known.filter(|(index, name)| self.may_be(tensor, *index, name));
        let hint = did_you_mean(&target, likely.map(|(_, name)| name.as_str()));
        Unmet::Missing { target, hint }
    }

    /// Whether a tensor of the checkpoint may be meant for a target: one of its size and kind that
    /// has no target of its own.
    fn may_be(&self, target: &Tensor, source: usize, name: &str) -> bool {
        let of_source = &self.source.tensors[source];
        let is_known = |role: Role| role != Role::Unknown;
        let agree =
            !is_known(of_source.role) || !is_known(target.role) || of_source.role == target.role;
        agree
            && of_source.len() == target.len()
            && self.giver.target.get(name).is_none()
            && self.encodings.source(source).is_none()
    }

    fn encoded(&self, target: &Tensor, source: usize, encoded: &InParts) -> Unmet {
        Unmet::Encoded {
            target: target.name.clone(),
            source: self.source.tensors[source].name.clone(),
            what: encoded.to_string(),
        }
    }

    fn with_offer(&mut self, target: &Tensor, offer: &Offer<'_>) -> Fate {
        let rules = self.giver.rules;
        if !rules.is_for(&target.name) {
            self.leave(offer, &Unused::OutOfScope);
            return Fate::excluded("into", &rules.into.join("\", \""));
        }
        self.tally.count_new_layer(offer);
        if let Some((source, encoded)) = self.encodings.barred(&target.name, &offer.sources()) {
            let what = encoded.to_string();
            self.leave(offer, &Unused::Encoded { what });
            return self.without_values(target, Some(self.encoded(target, source, encoded)));
        }
        if self.encodings.is_quantized(&target.name)
            && offer
                .sources()
                .iter()
                .any(|&of| self.encodings.source(of).is_none())
        {
            self.leave(offer, &Unused::InParts);
            let unmet = Unmet::Quantized {
                target: target.name.clone(),
            };
            return self.without_values(target, Some(unmet));
        }
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
        self.without_values(target, problem)
    }

    /// The fate of a target whose source cannot be used.
    fn without_values(&mut self, target: &Tensor, problem: Option<Unmet>) -> Fate {
        let rules = self.giver.rules;
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
    pub(super) fn check(&mut self, target: &Model) -> Result<(), TransferError> {
        if !self.unmet.is_empty() && self.is_any_offered {
            return Err(TransferError::Targets {
                unmet: std::mem::take(&mut self.unmet),
                proposal: self.naming.proposal(target, self.source, self.encodings),
            });
        }
        if !self.is_used.contains(&true) && !target.tensors.is_empty() {
            return Err(match self.is_any_offered {
                true => TransferError::NothingTaken,
                false => self.naming.no_match(target, self.source, self.encodings),
            });
        }
        self.tally.check(self.giver.rules)
    }

    /// The checkpoint's tensors that are not used, and why.
    pub(super) fn unused(&self) -> Vec<(String, Unused)> {
        let mut unused = self.naming.left_out.clone();
        for (index, name) in &self.naming.offered {
            if !self.is_used[*index] {
                let why = match self.left.get(index) {
                    Some(why) => why.clone(),
                    None if self.offers.is_left_out(name) => Unused::OtherLayer,
                    None => Unused::NoTarget,
                };
                unused.push((self.source.tensors[*index].name.clone(), why));
            }
        }
        unused
    }
}
