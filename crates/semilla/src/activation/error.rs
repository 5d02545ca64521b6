//! Expectations that cannot be given, and why.

/// An expectation over a normal input that cannot be given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExpectationError {
    /// An argument is outside what it can be.
    #[error("{what} is {value}; it must be {allowed}")]
    Argument {
        /// The argument.
        what: &'static str,
        /// The value given.
        value: f64,
        /// The values allowed.
        allowed: &'static str,
    },
    /// The function, or its square, overflows or is not a number.
    #[error(
        "the function or its square is not finite under inputs of mean {mean} and variance \
         {variance}: it grows too fast for any gain; bound it, or take a smaller variance"
    )]
    NotFinite {
        /// The inputs' mean.
        mean: f64,
        /// The inputs' variance.
        variance: f64,
    },
    /// The quadrature did not settle: the expectation may be infinite, or the function has more
    /// detail than the panels.
    #[error(
        "the expectation under inputs of mean {mean} and variance {variance} is uncertain by a \
         part of {error:.1e}: it may diverge, or the function oscillates too fast; take a smaller \
         variance, or a smoother function"
    )]
    NotConverged {
        /// The inputs' mean.
        mean: f64,
        /// The inputs' variance.
        variance: f64,
        /// The relative error estimate.
        error: f64,
    },
    /// The closure is rough within [-10, 10]: random, a very fine staircase or a very fast wave.
    #[error(
        "the function has more than {limit} kinks or jumps where most inputs fall, or varies too \
         fast there (as near {near}); give a smoother one"
    )]
    TooManyKinks {
        /// How many kinks are located at most.
        limit: usize,
        /// A place where it is rough.
        near: f64,
    },
    /// The function jumps, so near inputs are torn apart and the slope of its correlation map is
    /// infinite at 1.
    #[error(
        "the function jumps at {at}: the slope of its correlation map is no expectation of slopes \
         and depth scales do not exist; take a continuous function"
    )]
    Jump {
        /// Where it jumps.
        at: f64,
    },
    /// A gain divides by this moment, and it is 0.
    #[error(
        "{moment} is 0, so no gain can preserve it: the function is constant where inputs fall"
    )]
    Vanishes {
        /// The moment that is 0.
        moment: &'static str,
    },
    /// No point of the edge of chaos has this bias.
    #[error(
        "no edge of chaos at bias deviation {bias_std}: no fixed point between 1e-9 and 1e6 has \
         χ₁ = 1; take a different bias deviation, 0 for a function that is 0 at 0"
    )]
    NoEdge {
        /// The standard deviation of the biases.
        bias_std: f64,
    },
}

pub(super) fn check(
    what: &'static str,
    value: f64,
    valid: bool,
    allowed: &'static str,
) -> Result<(), ExpectationError> {
    if valid {
        Ok(())
    } else {
        Err(ExpectationError::Argument {
            what,
            value,
            allowed,
        })
    }
}
