//! Elements that are listed one by one.

use std::sync::Arc;

use super::error::FillError;
use super::kind::Kind;
use super::prepared::Source;
use super::slice::Slice;
use super::target::Target;
use crate::number::rounded;
use crate::stream::Stream;

pub(super) struct Values<'a> {
    pub(super) values: &'a [f64],
}

impl Values<'_> {
    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len().max(1) as f64
    }
}

impl Kind for Values<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let fits = target.elements()? == self.values.len() as u64;
        target.needs(fits, format!("it lists {} values", self.values.len()))?;
        self.values
            .iter()
            .try_for_each(|&value| target.holds(value))
    }

    fn source(&self, _: Stream, _: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let values: Arc<[f64]> = self.values.into();
        Ok(Source::each(move |i| {
            values.get(i as usize).copied().unwrap_or(0.0)
        }))
    }

    fn description(&self) -> String {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = self
            .values
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let rough = |value: f64| rounded((value * 1e4).round() / 1e4);
        format!(
            "{} values, {}..{}",
            self.values.len(),
            rough(least),
            rough(greatest)
        )
    }

    fn std(&self) -> Option<f64> {
        let mean = self.mean();
        let squares: f64 = self.values.iter().map(|value| (value - mean).powi(2)).sum();
        Some((squares / self.values.len().max(1) as f64).sqrt())
    }
}
