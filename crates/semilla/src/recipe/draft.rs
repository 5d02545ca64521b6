//! A recipe in the making: what it says itself, and what it takes from those that it extends.

use super::document::{Document, UnusedRules, defaults};
use super::error::RecipeError;
use super::rule::Rule;
use crate::init::Initializer;
use crate::layout::FanRule;
use crate::scheme::{AskFormula, Condition};
use crate::tie::Tie;
use crate::transfer::Transfer;

/// A recipe as far as it is known.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) source: Option<String>,
    /// What the last recipe of the chain extends, where that is still to be read.
    pub(super) extends: Option<String>,
    pub(super) fans: Option<FanRule>,
    pub(super) base_width: Option<usize>,
    defaults: Option<bool>,
    pub(super) unmatched: Option<Initializer>,
    pub(super) asks: Vec<AskFormula>,
    pub(super) needs: Vec<Condition>,
    rules: Vec<Rule>,
    pub(super) pretrained: Vec<Transfer>,
    pub(super) ties: Vec<Tie>,
}

impl Draft {
    /// The recipe of one text.
    pub(super) fn read(text: &str) -> Result<Self, RecipeError> {
        let mut document = Document::read(text)?;
        let mut rules = document.take_rules()?;
        if document.unused_rules == UnusedRules::Allow {
            allow_unused(&mut rules);
        }
        Ok(Self {
            name: document.name,
            source: document.source,
            extends: document.extends,
            fans: document.fans,
            base_width: document.base_width,
            defaults: document.defaults,
            unmatched: document.unmatched,
            asks: document.ask,
            needs: document.needs,
            rules,
            pretrained: document.pretrained,
            ties: document.tie,
        })
    }

    /// Takes over what the next recipe of the chain adds.
    pub(super) fn inherit(&mut self, mut parent: Self) {
        // Its rules are not the user's to correct.
        allow_unused(&mut parent.rules);
        self.rules.append(&mut parent.rules);
        self.asks.append(&mut parent.asks);
        self.needs.append(&mut parent.needs);
        self.pretrained.append(&mut parent.pretrained);
        let own = std::mem::take(&mut self.ties);
        let is_own = |tie: &Tie| own.iter().any(|known| known.name == tie.name);
        parent.ties.retain(|tie| !is_own(tie));
        self.ties = own;
        self.ties.append(&mut parent.ties);
        self.source = self.source.take().or(parent.source);
        self.fans = self.fans.or(parent.fans);
        self.base_width = self.base_width.or(parent.base_width);
        self.defaults = self.defaults.or(parent.defaults);
        self.unmatched = self.unmatched.take().or(parent.unmatched);
        self.extends = parent.extends;
    }

    /// All rules, in order, and the defaults after them where they are asked for.
    pub(super) fn take_rules(&mut self) -> Vec<Rule> {
        let mut rules = std::mem::take(&mut self.rules);
        if self.defaults == Some(true) {
            rules.extend(defaults());
        }
        rules
    }
}

fn allow_unused(rules: &mut [Rule]) {
    for rule in rules {
        rule.optional = true;
    }
}
