//! Tables of positions.

use super::error::FillError;
use super::kind::Kind;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::number::rounded;
use crate::stream::Stream;

/// The base of wavelengths.
fn check_base(base: f64, target: Target<'_>) -> Result<(), FillError> {
    target.needs_axes(1)?;
    target.needs(base > 0.0, "base must be above 0")?;
    target.holds(base)
}

/// Vaswani et al., *Attention Is All You Need*, NeurIPS 2017, section 3.5.
pub(super) struct Sinusoidal {
    pub(super) base: f64,
    pub(super) halves: bool,
}

impl Kind for Sinusoidal {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        check_base(self.base, target)
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let (width, base) = (target.last() as u64, libm::log(self.base));
        if self.halves {
            return Ok(halves(width, base));
        }
        Ok(Source::each(move |i| {
            let (position, place) = (i / width, i % width);
            let frequency = libm::exp(-base * (place / 2 * 2) as f64 / width as f64);
            let angle = position as f64 * frequency;
            if place % 2 == 0 {
                libm::sin(angle)
            } else {
                libm::cos(angle)
            }
        }))
    }

    fn description(&self) -> String {
        let order = if self.halves { ", sines first" } else { "" };
        format!("base {}{order}", rounded(self.base))
    }
}

/// Sines, then cosines, of wavelengths up to the base.
fn halves(width: u64, log_base: f64) -> Source {
    let half = width / 2;
    let last = half.saturating_sub(1).max(1) as f64;
    Source::each(move |i| {
        let (position, place) = (i / width, i % width);
        let is_sine = place < half;
        let wave = if is_sine { place } else { place - half };
        let angle = position as f64 * libm::exp(-log_base * wave as f64 / last);
        if is_sine {
            libm::sin(angle)
        } else {
            libm::cos(angle)
        }
    })
}

/// Su et al., *RoFormer*, 2021, section 3.2.
pub(super) struct RotaryFrequencies {
    pub(super) base: f64,
}

impl Kind for RotaryFrequencies {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        check_base(self.base, target)
    }

    fn source(&self, _: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let (half, base) = (target.last() as u64, libm::log(self.base));
        Ok(Source::each(move |i| {
            libm::exp(-base * (i % half) as f64 / half as f64)
        }))
    }

    fn description(&self) -> String {
        format!("base {}", rounded(self.base))
    }
}
