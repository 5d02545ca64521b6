//! Planning a model with everything that its recipe and its user name: checkpoints, renames,
//! adaptations, ties.

mod align;
mod builder;
mod error;
mod planned;

pub use builder::Planner;
pub use error::PlanningError;
pub use planned::Planned;
