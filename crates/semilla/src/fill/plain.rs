//! Elements that do not depend on each other: constants, draws, counts.

use super::error::FillError;
use super::kind::Kind;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::distribution::Distribution;
use crate::number::rounded;
use crate::stream::{Sampler, Stream};

pub(super) struct Constant {
    pub(super) value: f64,
}

impl Kind for Constant {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.holds(self.value)
    }

    fn source(&self, _: Stream, _: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        Ok(Source::Constant(self.value))
    }

    fn description(&self) -> String {
        rounded(self.value)
    }

    fn holds_integers(&self) -> bool {
        true
    }

    fn std(&self) -> Option<f64> {
        Some(0.0)
    }
}

pub(super) struct Draw<'a>(pub(super) &'a Distribution);

impl Kind for Draw<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        Sampler::new(self.0, target.dtype)?;
        Ok(())
    }

    fn source(&self, stream: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        Ok(Source::Draw(stream, Sampler::new(self.0, target.dtype)?))
    }

    fn description(&self) -> String {
        self.0.to_string()
    }

    fn std(&self) -> Option<f64> {
        Some(self.0.std())
    }
}

pub(super) struct Arange;

impl Kind for Arange {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        match target.dtype.is_float() {
            true => target.needs_axes(1),
            false => target.holds(target.last().saturating_sub(1) as f64),
        }
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let size = target.last().max(1) as u64;
        Ok(Source::each(move |i| (i % size) as f64))
    }

    fn description(&self) -> String {
        "0, 1, 2, ...".to_owned()
    }

    fn holds_integers(&self) -> bool {
        true
    }
}
