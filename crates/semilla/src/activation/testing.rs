//! Shared by the tests of this room.

use std::fmt;

use super::catalogue::Activation;
use super::fixed_point::{FixedPoint, Limit};
use super::function::Function;

pub(super) fn function(activation: Activation) -> Function<'static> {
    Function::from(activation)
}

pub(super) fn fixed(limit: Limit) -> FixedPoint {
    match limit {
        Limit::Fixed(point) => point,
        other => panic!("no fixed point: {other}"),
    }
}

/// Equal to every printed digit, of which the last is `unit`.
pub(super) fn assert_prints(got: f64, want: f64, unit: f64, what: impl fmt::Display) {
    assert!(
        (got - want).abs() <= 0.6 * unit,
        "{what}: {got}, not {want}"
    );
}
