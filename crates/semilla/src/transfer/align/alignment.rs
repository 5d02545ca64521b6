//! The steps of an alignment.

use super::coverage::check_coverage;
use super::globs::check_globs;
use super::ledger::Ledger;
use super::naming::Naming;
use crate::model::Model;
use crate::transfer::encoded::Encodings;
use crate::transfer::error::TransferError;
use crate::transfer::given::Fate;
use crate::transfer::offers::{Catalog, Giver, Norms, Offers};
use crate::transfer::rules::Transfer;
use crate::transfer::unused::Unused;

/// The fate of every tensor of a model and of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// The fate of each target, with 0 for [`Load::source`](crate::Load::source).
    pub fates: Vec<Fate>,
    /// The source tensors that are not used, and why.
    pub unused: Vec<(String, Unused)>,
    /// The prefix that was taken off the source's names.
    pub stripped: String,
    /// The prefix that was put before them.
    pub added: String,
    /// Whether the prefixes were found, not given.
    pub found: bool,
}

impl Alignment {
    /// Says of each of the model's tensors that takes one which a reader put together how that was
    /// done; `how` answers it for the name of a tensor.
    pub fn note<'a>(&mut self, model: &Model, how: impl Fn(&str) -> Option<&'a str>) {
        for (target, fate) in model.tensors.iter().zip(&mut self.fates) {
            let Fate::Given(given) = fate else {
                continue;
            };
            let mut notes: Vec<&str> = Vec::new();
            for name in given.tensors(&target.shape) {
                let of = Norms::parse(&name).map_or(name, |norms| norms.of);
                notes.extend(how(&of).filter(|note| !notes.contains(note)));
            }
            if !notes.is_empty() {
                given.by.insert(0, "decode".to_owned());
                given.note = match given.note.as_str() {
                    "" => notes.join(", "),
                    of_ops => format!("{}; {of_ops}", notes.join(", ")),
                };
            }
        }
    }

    /// The names of the checkpoint's tensors that the model's take from.
    pub fn taken(&self, model: &Model) -> Vec<String> {
        let given = model.tensors.iter().zip(&self.fates);
        let given = given.filter_map(|(target, fate)| Some((target, fate.given()?)));
        given
            .flat_map(|(target, given)| given.tensors(&target.shape))
            .collect()
    }
}

impl Transfer {
    /// Lays a checkpoint's tensors beside a model's, by names, shapes and layouts alone.
    ///
    /// Both models' layouts say which axis is which. Where a layout is not known, axes are taken to
    /// be in the same order if `one_convention` says that both models store weights in the same
    /// way.
    ///
    /// # Errors
    /// A rule matches nothing, two sources get the name of one target, a target that must load does
    /// not, too little of the model is covered, or nothing matches at all.
    pub fn align(
        &self,
        target: &Model,
        source: &Model,
        one_convention: bool,
    ) -> Result<Alignment, TransferError> {
        check_globs(self, target, source)?;
        let mut naming = Naming::new(self, target, source)?;
        let encodings = Encodings::new(target, source, &self.exclude);
        naming.choose(source, &encodings);
        naming.check_collision(source)?;
        let offers = Offers::new(self, target, source, &naming.offered)?;
        let giver = Giver {
            rules: self,
            target: &Catalog::new(target),
            source: &Catalog::new(source),
            one_convention,
        };
        let encodings = encodings.with_names(source, &naming.offered);
        let mut ledger = Ledger::new(&naming, &offers, &giver, &encodings, source);
        for tensor in &target.tensors {
            ledger.decide(tensor);
        }
        ledger.check(target)?;
        let unused = ledger.unused();
        let fates = ledger.fates;
        check_coverage(self.min_coverage, target, &fates)?;
        Ok(Alignment {
            fates,
            unused,
            stripped: naming.prefixes.strip,
            added: naming.prefixes.add,
            found: naming.is_found,
        })
    }
}
