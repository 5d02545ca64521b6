//! Sums over a tensor and its start, piece by piece.

use super::report::UnitDrift;

/// Sums over some elements and their starts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) elements: u64,
    pub(super) unmoved: u64,
    pub(super) not_finite: u64,
    pub(super) start: f64,
    pub(super) trained: f64,
    pub(super) both: f64,
    pub(super) difference: f64,
    pub(super) largest: f64,
}

impl Sums {
    /// Of elements, their starts, and whether each is one with its start.
    pub(super) fn of(start: &[f64], trained: &[f64], same: &[bool]) -> Self {
        let mut sums = Self::default();
        for ((&start, &trained), &same) in start.iter().zip(trained).zip(same) {
            sums.take(start, trained, same);
        }
        sums
    }

    /// Adds an element.
    pub(super) fn take(&mut self, start: f64, trained: f64, same: bool) {
        let difference = trained - start;
        self.elements += 1;
        self.unmoved += u64::from(same);
        self.not_finite += u64::from(!trained.is_finite());
        self.start += start * start;
        self.trained += trained * trained;
        self.both += start * trained;
        self.difference += difference * difference;
        self.largest = self.largest.max(difference.abs());
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.elements += other.elements;
        self.unmoved += other.unmoved;
        self.not_finite += other.not_finite;
        self.start += other.start;
        self.trained += other.trained;
        self.both += other.both;
        self.difference += other.difference;
        self.largest = self.largest.max(other.largest);
    }

    pub(super) fn is_unmoved(&self) -> bool {
        self.unmoved == self.elements
    }

    /// The relations between both; of numbers that are not finite none.
    pub(super) fn relations(&self) -> UnitDrift {
        let ratio = |part: f64, whole: f64| {
            let is_some = whole > 0.0 && self.not_finite == 0;
            is_some.then(|| part / whole)
        };
        UnitDrift {
            moved: ratio(self.difference, self.start).map(f64::sqrt),
            norm_ratio: ratio(self.trained, self.start).map(f64::sqrt),
            cosine: match self.is_unmoved() {
                true => ratio(1.0, self.start).map(|_| 1.0),
                false => ratio(self.both, (self.start * self.trained).sqrt())
                    .map(|cosine| cosine.clamp(-1.0, 1.0)),
            },
        }
    }
}
