//! The code that decides what no rule matches.

use std::sync::Arc;

use super::auto;
use super::decision::Decision;
use super::library::{Library, LibraryStarts};
use super::start::Starts;
use crate::layout::FanRule;
use crate::model::{Model, Tensor};

/// The recipe that is code and decides by role.
pub(super) const AUTO: &str = "auto";
/// The recipe that is code and follows a model's `config.json`.
pub(super) const TRANSFORMERS: &str = "transformers";

/// The code that decides what no rule matches.
#[derive(Clone, Debug, Default)]
pub(super) enum LastResort {
    /// None.
    #[default]
    Nothing,
    /// By role and activation.
    Auto,
    /// As the library of the model's `config.json` does, once there is one.
    Transformers(Option<Arc<Library>>),
}

impl LastResort {
    /// The code of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            AUTO => Some(Self::Auto),
            TRANSFORMERS => Some(Self::Transformers(None)),
            _ => None,
        }
    }

    pub(super) fn is_auto(&self) -> bool {
        matches!(self, Self::Auto)
    }

    /// The same code at a model.
    pub(super) fn at<'a>(
        &'a self,
        stated: &'a LibraryStarts,
        model: &'a Model,
        fans: FanRule,
        is_drawn: impl Fn(&Tensor) -> bool,
    ) -> AtModel<'a> {
        let starts = match self {
            Self::Auto => Starts::of(model, is_drawn),
            _ => Starts::default(),
        };
        AtModel {
            code: self,
            stated,
            model,
            fans,
            starts,
        }
    }
}

/// The code that decides what no rule matches, at one model.
pub(super) struct AtModel<'a> {
    code: &'a LastResort,
    stated: &'a LibraryStarts,
    model: &'a Model,
    fans: FanRule,
    starts: Starts<'a>,
}

impl AtModel<'_> {
    pub(super) fn decide(&self, tensor: &Tensor) -> Option<Decision> {
        match self.code {
            LastResort::Nothing => None,
            LastResort::Auto => auto::decide(tensor, self.model, &self.starts, self.fans)
                .or_else(|| self.stated.decide(tensor)),
            LastResort::Transformers(library) => (self.stated.decide_drawn(tensor))
                .or_else(|| library.as_ref()?.decide(tensor))
                .or_else(|| self.stated.decide(tensor)),
        }
    }
}
