//! A comparison, as its sections look at it.

use crate::charts::{Look, look};
use crate::text::{Text, compare, figure};
use semilla_lab::{Arm, Comparison, Measure, Purpose, Run};

/// A comparison, and what several sections ask of it.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) comparison: &'a Comparison,
}

impl<'a> View<'a> {
    /// The arms from the best to the worst, each with its place among all. Arms that the order
    /// leaves out come last.
    pub(super) fn ranked(self) -> Vec<(usize, &'a Arm)> {
        let arms = &self.comparison.arms;
        let known = self.comparison.order.iter().copied();
        let rest = (0..arms.len()).filter(|place| !self.comparison.order.contains(place));
        let all = known.chain(rest);
        all.filter_map(|place| Some((place, arms.get(place)?)))
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

    /// The letters of the groups that an arm is in: arms that share one are not told apart.
    pub(super) fn letters(self, place: usize) -> String {
        let groups = self.comparison.groups.iter().enumerate();
        let own = groups.filter(|(_, group)| group.contains(&place));
        own.map(|(number, _)| letter(number)).collect()
    }

    /// The learning rate of a place.
    pub(super) fn rate(self, place: usize) -> Option<f64> {
        self.comparison.rates.get(place).copied()
    }
}

/// a, b, c...; beyond z with a number.
fn letter(number: usize) -> String {
    let letter = char::from(b'a' + (number % 26) as u8);
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

/// The value below which a part of all lies, interpolated; what diverged counts as infinite. `None`
/// where that is not finite.
pub(super) fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = part * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    let weight = place.fract();
    let found = match weight > 0.0 {
        true => low + weight * (high - low),
        false => low,
    };
    found.is_finite().then_some(found)
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
