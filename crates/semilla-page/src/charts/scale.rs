//! From values to places on an axis.

use super::ticks::{self, Tick};

/// An axis: which values lie where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Equal steps.
    Linear {
        /// The least value.
        low: f64,
        /// The greatest value; above `low`.
        high: f64,
    },
    /// Equal factors.
    Log {
        /// The least value; above 0.
        low: f64,
        /// The greatest value; above `low`.
        high: f64,
    },
}

impl Scale {
    /// A linear axis from one value to another.
    pub fn linear(low: f64, high: f64) -> Self {
        match low < high {
            true => Scale::Linear { low, high },
            false => Scale::Linear {
                low: low - 0.5,
                high: low + 0.5,
            },
        }
    }

    /// A linear axis over so many layers, counted from 1, with some room around them.
    pub fn layers(count: usize) -> Self {
        let last = count as f64;
        let room = (last * 0.02).max(0.3);
        Self::linear(1.0 - room, last + room)
    }

    /// A logarithmic axis over all positive values, with some room around them. It covers a factor
    /// of 100 at least: noise shall not look like a trend.
    pub fn log(values: impl Iterator<Item = f64>) -> Self {
        const LEAST: f64 = 2.0;
        const ROOM: f64 = 0.06;
        let logs = values
            .filter(|value| *value > 0.0 && value.is_finite())
            .map(f64::log10);
        let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), log| {
            (log.min(low), log.max(high))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        let missing = (LEAST - (high - low)).max(0.0) / 2.0;
        let room = missing.max((high - low) * ROOM);
        // Ends stay within what a number can hold.
        let end = |log: f64| 10f64.powf(log.clamp(-307.0, 307.0));
        Scale::Log {
            low: end(low - room),
            high: end(high + room),
        }
    }

    /// A logarithmic axis over all positive values and hardly more: learning rates, which are chosen.
    pub fn factors(values: impl Iterator<Item = f64>) -> Self {
        const ROOM: f64 = 1.25;
        let known = values.filter(|value| *value > 0.0 && value.is_finite());
        let (low, high) = known.fold((f64::INFINITY, 0.0f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        match low <= high {
            true => Scale::Log {
                low: low / ROOM,
                high: high * ROOM,
            },
            false => Scale::Log {
                low: 0.1,
                high: 10.0,
            },
        }
    }

    /// Where a value lies: 0 at the low end, 1 at the high one; `None` if it has no place.
    ///
    /// ```
    /// use semilla_page::charts::Scale;
    ///
    /// let scale = Scale::log([0.01, 100.0].into_iter());
    /// assert_eq!(scale.place(1.0), Some(0.5));
    /// assert_eq!(scale.place(0.0), None);
    /// ```
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = match *self {
            Scale::Linear { low, high } => (value - low) / (high - low),
            Scale::Log { low, high } => (value / low).ln() / (high / low).ln(),
        };
        place.is_finite().then(|| place.clamp(-0.03, 1.03))
    }

    /// Its ticks where places are counted: of a linear axis whole numbers only.
    pub(super) fn whole_ticks(&self, most: usize) -> Vec<Tick> {
        let ticks = self.ticks(most).into_iter();
        if matches!(self, Scale::Log { .. }) {
            return ticks.collect();
        }
        let whole = ticks.filter(|tick| tick.value.fract() == 0.0);
        let labelled = whole.map(|tick| Tick {
            label: format!("{:.0}", tick.value).replace('-', "−"),
            ..tick
        });
        labelled.collect()
    }

    /// Its ticks: about as many as asked for, or fewer.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        match *self {
            Scale::Linear { low, high } => ticks::linear(low, high, most),
            Scale::Log { low, high } => ticks::logarithmic(low, high, most),
        }
    }
}
