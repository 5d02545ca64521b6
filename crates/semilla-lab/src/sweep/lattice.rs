//! Learning rates by whole numbers.

use crate::comparison::Grid;

impl Grid {
    /// The rate at a place, counted from the first; negative below it. Rates have four significant
    /// digits.
    ///
    /// ```
    /// use semilla_lab::Grid;
    ///
    /// let grid = Grid { first: 0.01, factor: 2.0, count: 6, extension: 4 };
    /// assert_eq!([-1, 0, 3].map(|place| grid.rate(place)), [0.005, 0.01, 0.08]);
    /// ```
    pub fn rate(&self, place: i32) -> f64 {
        let rate = self.first * libm::pow(self.factor, f64::from(place));
        format!("{rate:.3e}").parse().unwrap_or(rate)
    }

    /// The places that are tried first.
    pub(super) fn places(&self) -> std::ops::Range<i32> {
        0..self.count as i32
    }

    /// Whether a place may be tried at all.
    pub(super) fn may_hold(&self, place: i32) -> bool {
        let extension = self.extension as i32;
        (-extension..self.count as i32 + extension).contains(&place)
    }
}
