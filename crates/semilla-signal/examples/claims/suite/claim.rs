//! A claim, and what became of it.

use std::error::Error;
use std::time::{Duration, Instant};

/// Something that a paper says of first weights.
#[derive(Clone, Copy)]
pub(crate) struct Claim {
    /// A short name.
    pub(crate) name: &'static str,
    /// Authors, year, place.
    pub(crate) paper: &'static str,
    /// The statement, in our words.
    pub(crate) says: &'static str,
    /// The published value.
    pub(crate) published: &'static str,
    /// How long it takes.
    pub(crate) effort: Effort,
    /// Whether it was found to hold: a claim that is off stays in the list, with what is right.
    pub(crate) stands: bool,
    /// The computation.
    pub(crate) measure: fn() -> Measured,
}

/// A claim of the tests, which others say more of.
pub(crate) const QUICK: Claim = Claim {
    name: "",
    paper: "",
    says: "",
    published: "",
    effort: Effort::Quick,
    stands: true,
    measure: || Ok(Vec::new()),
};

/// One that takes long.
pub(crate) const LONG: Claim = Claim {
    effort: Effort::Long,
    ..QUICK
};

/// How long a computation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    /// Part of the tests.
    Quick,
    /// Trains networks, or makes many.
    Long,
}

/// What a computation gives.
pub(crate) type Measured = Result<Vec<Quantity>, Box<dyn Error>>;

/// A number, and what it must be.
#[derive(Clone, Debug)]
pub(crate) struct Quantity {
    what: String,
    value: f64,
    least: f64,
    most: f64,
}

impl Quantity {
    /// A number that must be within `tolerance` of another.
    pub(crate) fn near(what: impl Into<String>, value: f64, expected: f64, tolerance: f64) -> Self {
        Self::within(what, value, expected - tolerance, expected + tolerance)
    }

    /// A number that must lie in an interval.
    pub(crate) fn within(what: impl Into<String>, value: f64, least: f64, most: f64) -> Self {
        Self {
            what: what.into(),
            value,
            least,
            most,
        }
    }

    /// A number that must not be above another.
    pub(crate) fn at_most(what: impl Into<String>, value: f64, most: f64) -> Self {
        Self::within(what, value, f64::NEG_INFINITY, most)
    }

    /// A number that must not be below another.
    pub(crate) fn at_least(what: impl Into<String>, value: f64, least: f64) -> Self {
        Self::within(what, value, least, f64::INFINITY)
    }

    /// Whether it is what it must be.
    pub(crate) fn holds(&self) -> bool {
        (self.least..=self.most).contains(&self.value)
    }
}

/// What became of a claim.
pub(crate) struct Outcome {
    /// The numbers.
    pub(crate) quantities: Vec<Quantity>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Claim {
    /// Computes it.
    pub(crate) fn run(&self) -> Result<Outcome, Box<dyn Error>> {
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
    pub(crate) fn holds(&self) -> bool {
        self.quantities.iter().all(Quantity::holds)
    }

    /// The numbers as text.
    pub(crate) fn ours(&self) -> String {
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
