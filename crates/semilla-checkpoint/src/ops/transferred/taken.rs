//! How much of one tensor comes from checkpoints.

use semilla::{Disposition, Line, Plan};

/// How much of a tensor comes from checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All of it, as it is.
    Whole,
    /// Some of it, or a combination.
    Adapted,
    /// No element.
    Nothing,
}

/// How much a line, or the one that it is tied to, takes from checkpoints.
pub fn taken(plan: &Plan, line: &Line) -> Taken {
    match plan.origin(line).disposition {
        Disposition::Copied => Taken::Whole,
        Disposition::Adapted { .. } | Disposition::Selected | Disposition::Grown => Taken::Adapted,
        _ => Taken::Nothing,
    }
}
