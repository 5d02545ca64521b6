//! A comparison, as its sections look at it.

use crate::charts::{Look, look};
use crate::text::{Text, compare, figure};
use semilla_lab::{Arm, Comparison, Measure, Purpose, Run, statistics};

/// A comparison, and what several sections ask of it.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) comparison: &'a Comparison,
}

impl<'a> View<'a> {
    /// The arms from the best to the worst, each with its place among all. Arms that the order
    /// leaves out come last.
    pub(super) fn ranked(self) -> Vec<(usize, &'a Arm)> {
        let arms = self.comparison.ranked();
        arms.filter_map(|place| Some((place, self.comparison.arms.get(place)?)))
            .collect()
    }

    /// The name of an arm.
    pub(super) fn name(self, place: usize) -> Text {
        let arm = self.comparison.arms.get(place);
        compare::arm(arm.map_or("", |arm| &arm.name))
    }

    /// How an arm looks in every chart.
    pub(super) fn look(self, place: usize) -> Look {
        look(place)
    }

    /// The trainings of an arm that are compared; where there are none yet, those at its best rate
    /// with which rates are chosen.
    pub(super) fn runs(self, place: usize) -> Vec<&'a Run> {
        let best = self.comparison.arms.get(place).and_then(|arm| arm.best);
        let of = |purpose: Purpose| -> Vec<&'a Run> {
            let own = |run: &&Run| run.arm == place && run.purpose == purpose;
            let runs = self.comparison.runs.iter().filter(own);
            runs.filter(|run| Some(run.rate) == best).collect()
        };
        let finals = of(Purpose::Final);
        match finals.is_empty() {
            true => of(Purpose::Tuning),
            false => finals,
        }
    }

    /// A score for people.
    pub(super) fn score(self, value: f64) -> String {
        match self.comparison.protocol.measure {
            Measure::Accuracy => format!("{:.1} %", value * 100.0),
            Measure::Loss => figure(value),
        }
    }

    /// A difference of scores for people: of accuracies in percent points, without their sign of a
    /// part.
    pub(super) fn difference(self, value: f64) -> String {
        let sign = if value < 0.0 { "−" } else { "+" };
        match self.comparison.protocol.measure {
            Measure::Accuracy => format!("{sign}{:.1} %", value.abs() * 100.0),
            Measure::Loss => format!("{sign}{}", figure(value.abs())),
        }
    }

    /// The learning rate of a place.
    pub(super) fn rate(self, place: usize) -> Option<f64> {
        self.comparison.rates.get(place).copied()
    }
}

/// The value below which a part of all lies, interpolated; what diverged counts as infinite. `None`
/// where that is not finite.
pub(super) fn quantile(values: &[f64], part: f64) -> Option<f64> {
    statistics::quantile(values, part).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_with_divergence() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[1.0, f64::INFINITY, f64::INFINITY], 0.5), None);
        assert_eq!(quantile(&[1.0, 1.0, f64::INFINITY], 0.5), Some(1.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
