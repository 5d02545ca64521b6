//! A claim, and what became of it.

use std::error::Error;
use std::time::{Duration, Instant};

/// Something that a paper says of first weights.
#[derive(Clone, Copy)]
pub struct Claim {
    /// A short name.
    pub name: &'static str,
    /// Authors, year, place.
    pub paper: &'static str,
    /// The statement, in our words.
    pub says: &'static str,
    /// The published value.
    pub published: &'static str,
    /// How long it takes.
    pub effort: Effort,
    /// Whether it was found to hold: a claim that is off stays in the list, with what is right.
    pub stands: bool,
    /// The computation.
    pub measure: fn() -> Measured,
}

/// How long a computation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Part of the tests.
    Quick,
    /// Trains networks, or makes many.
    Long,
}

/// What a computation gives.
pub type Measured = Result<Vec<Quantity>, Box<dyn Error>>;

/// A number, and what it must be.
#[derive(Clone, Debug)]
pub struct Quantity {
    what: String,
    value: f64,
    least: f64,
    most: f64,
}

impl Quantity {
    /// A number that must be within `tolerance` of another.
    pub fn near(what: impl Into<String>, value: f64, expected: f64, tolerance: f64) -> Self {
        Self::within(what, value, expected - tolerance, expected + tolerance)
    }

    /// A number that must lie in an interval.
    pub fn within(what: impl Into<String>, value: f64, least: f64, most: f64) -> Self {
        Self {
            what: what.into(),
            value,
            least,
            most,
        }
    }

    /// A number that must not be above another.
    pub fn at_most(what: impl Into<String>, value: f64, most: f64) -> Self {
        Self::within(what, value, f64::NEG_INFINITY, most)
    }

    /// A number that must not be below another.
    pub fn at_least(what: impl Into<String>, value: f64, least: f64) -> Self {
        Self::within(what, value, least, f64::INFINITY)
    }

    /// Whether it is what it must be.
    pub fn holds(&self) -> bool {
        (self.least..=self.most).contains(&self.value)
    }
}

/// What became of a claim.
pub struct Outcome {
    /// The numbers.
    pub quantities: Vec<Quantity>,
    /// How long it took.
    pub took: Duration,
}

impl Claim {
    /// Computes it.
    pub fn run(&self) -> Result<Outcome, Box<dyn Error>> {
        let start = Instant::now();
        let quantities = (self.measure)()?;
        Ok(Outcome {
            quantities,
            took: start.elapsed(),
        })
    }
}

impl Outcome {
    /// Whether all numbers are what they must be.
    pub fn holds(&self) -> bool {
        self.quantities.iter().all(Quantity::holds)
    }

    /// The numbers as text.
    pub fn ours(&self) -> String {
        let one = |quantity: &Quantity| {
            let value = short(quantity.value);
            match quantity.what.is_empty() {
                true => value,
                false => format!("{}: {value}", quantity.what),
            }
        };
        let all: Vec<String> = self.quantities.iter().map(one).collect();
        all.join("; ")
    }
}

/// Four digits.
fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e5).contains(&size) => format!("{value:.1e}"),
        _ => {
            let digits = (3 - size.log10().floor() as i32).max(0) as usize;
            format!("{value:.digits$}")
        }
    }
}
