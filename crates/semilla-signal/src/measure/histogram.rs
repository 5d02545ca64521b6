//! How the values of an array are distributed.

use serde::{Deserialize, Serialize};

use crate::array::Array;
use crate::real::Real;

/// Bins of a histogram.
const BINS: usize = 40;
/// Values that are looked at, at most.
const MOST: usize = 1 << 14;
/// The part of the values on each side that does not decide how far the bins reach.
const TAIL: f64 = 0.01;
/// How much farther the bins reach on each side, as a part of the width between the tails.
const MARGIN: f64 = 0.25;

/// Counts of values in bins of one width, from `low` to `high`. A few values far away do not
/// stretch the bins: they are counted beside them. Of large arrays, 16,384 values are looked at,
/// spread evenly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The lower end of the first bin.
    pub low: f64,
    /// The upper end of the last bin; equal to `low` if all values are.
    pub high: f64,
    /// Values in each bin.
    pub counts: Vec<u32>,
    /// Values below the first bin.
    pub below: u32,
    /// Values above the last bin.
    pub above: u32,
}

impl Histogram {
    /// The histogram of an array's finite values; `None` if there are none.
    ///
    /// ```
    /// use semilla_signal::{Array, Histogram};
    ///
    /// let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
    /// values.push(1e9);
    /// let found = Histogram::of(&Array::new([1001], values).unwrap()).unwrap();
    /// assert!(found.high < 1300.0);
    /// assert_eq!(found.above, 1);
    /// ```
    pub fn of<T: Real>(array: &Array<T>) -> Option<Self> {
        let mut values: Vec<f64> = picked(array.data())
            .filter(|value| value.is_finite())
            .collect();
        let (low, high) = reach(&mut values)?;
        let mut found = Self {
            low,
            high,
            counts: vec![0; if low < high { BINS } else { 1 }],
            below: 0,
            above: 0,
        };
        values.iter().for_each(|&value| found.count(value));
        Some(found)
    }

    fn count(&mut self, value: f64) {
        let place = (value - self.low) / (self.high - self.low) * self.counts.len() as f64;
        let last = self.counts.len() - 1;
        match value {
            _ if value < self.low => self.below += 1,
            _ if value > self.high => self.above += 1,
            // Of one bin without a width the place is not a number, which becomes 0.
            _ => self.counts[(place as usize).min(last)] += 1,
        }
    }
}

/// Values spread evenly over the data, whatever its axes are: steps of about the golden ratio.
fn picked<T: Real>(data: &[T]) -> impl Iterator<Item = f64> {
    let len = data.len();
    let near = (len as f64 * 0.618_033_988_75) as usize;
    let step = (near.max(1)..).find(|&step| divisor(step, len) == 1);
    let step = step.unwrap_or(1) as u128;
    (0..len.min(MOST)).map(move |i| data[(i as u128 * step % len as u128) as usize].f64())
}

fn divisor(a: usize, b: usize) -> usize {
    match b {
        0 => a.max(1),
        _ if a == 0 => b,
        _ => divisor(b, a % b),
    }
}

/// How far the bins reach over values, which are put in another order.
fn reach(values: &mut [f64]) -> Option<(f64, f64)> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let greatest = values.iter().copied().max_by(f64::total_cmp)?;
    let tail = (values.len() as f64 * TAIL) as usize;
    let last = values.len() - 1;
    let mut ranked = |place: usize| *values.select_nth_unstable_by(place, f64::total_cmp).1;
    let (low, high) = (ranked(tail), ranked(last - tail));
    let margin = (high - low) * MARGIN;
    match low < high {
        true => Some(((low - margin).max(least), (high + margin).min(greatest))),
        // Nearly all values are one.
        false => Some((least, greatest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: Vec<f64>) -> Option<Histogram> {
        Histogram::of(&Array::new([values.len()], values).unwrap())
    }

    #[test]
    fn every_value_is_counted_once() {
        let values: Vec<f64> = (0..5000)
            .map(|i| (f64::from(i) * 0.7).sin().powi(3))
            .collect();
        let found = of(values).unwrap();
        let inside: u32 = found.counts.iter().sum();
        assert_eq!(inside + found.below + found.above, 5000);
        assert_eq!(found.counts.len(), BINS);
    }

    #[test]
    fn odd_values_are_no_obstacle() {
        assert_eq!(of(Vec::new()), None);
        assert_eq!(of(vec![f64::NAN, f64::INFINITY]), None);
        let one = of(vec![2.0, 2.0, f64::NAN]).unwrap();
        assert_eq!((one.low, one.high, &*one.counts), (2.0, 2.0, &[2][..]));
        // Most of them 0: the others are not lost.
        let mut rare = vec![0.0; 1000];
        rare[7] = 4.0;
        let found = of(rare).unwrap();
        assert_eq!((found.low, found.high, found.above), (0.0, 4.0, 0));
        let huge = of(vec![-f64::MAX, 0.0, f64::MAX]).unwrap();
        assert_eq!(huge.counts.iter().sum::<u32>(), 3);
    }

    /// A stride that meets one unit only would show that unit's values.
    #[test]
    fn all_units_of_large_arrays_are_seen() {
        let values = (0..1 << 18).map(|i| f64::from(i % 64)).collect();
        let found = of(values).unwrap();
        let seen = found.counts.iter().filter(|&&count| count > 0).count();
        assert_eq!(seen, BINS);
    }
}
