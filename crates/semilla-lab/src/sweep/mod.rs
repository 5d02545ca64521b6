//! Starts compared by training, by a protocol that does not fool anyone: a learning rate for each
//! start, fresh seeds for what is compared, and statistics that know how few they are.

mod assemble;
mod compare;
mod engine;
mod error;
mod lattice;
mod plan;
mod search;
mod start;
mod table;
mod verdict;
mod workers;

pub use compare::{Event, Follow, compare};
pub use engine::{Engine, Local};
pub use error::CompareError;
pub use plan::{Settings, protocol};
pub use start::Start;
pub use workers::Workers;
