//! The use cases that every front calls: the command, Rust programs, other languages.
//!
//! Each operation takes plain values and returns plain values; nothing is printed here.

mod adapter;
mod config;
mod describe;
mod diff;
mod drift;
mod findings;
mod inputs;
mod inspect;
mod labels;
mod lock;
mod memory;
mod merge;
mod origin;
mod own;
mod pieces;
mod planner;
mod recipe;
mod replay;
mod text;
mod transferred;
mod watch;
mod write;

pub use adapter::{Adapted, AdaptedMatrix, Adapter, AdapterError, AdapterReport, Matrix};
pub use config::{ConfigFileError, Configured};
pub use describe::{
    DescribeError, DescribeOptions, Described, GraphError, Inferred, describe, describe_checkpoint,
    describe_network, describe_shapes,
};
pub use diff::{Change, Diff, TensorType, diff};
pub use drift::{
    Applied, Drift, DriftError, DriftOptions, Range, Reshaped, Spectrum, TensorDrift, UnitDrift,
    UnitsDrift, drift,
};
pub use findings::{Finding, Findings, NotFinite, Note, check_finite};
pub use inputs::{Inputs, OntoInput, same_place};
pub use inspect::{InspectError, Inspected, Inspection, inspect};
pub use labels::LabelsError;
pub use lock::LockError;
pub use memory::{MemoryError, rehearse, write_rehearsed, write_slices};
pub use merge::{Merge, MergeError, MergeReport, Merged};
pub use origin::LEAST_SAMPLE;
pub use own::{NoModel, own_model, own_models};
pub use planner::{Planned, Planner, PlanningError};
pub use recipe::{ReadRecipeError, read_recipe};
pub use replay::{ReplayError, parse_plan, read_plan, reopen, replay};
pub use text::{TextError, read_text};
pub use transferred::{Coverage, Taken, Transferred, taken};
pub use watch::Watch;
pub use write::{Write, WriteError, WritePlan, Written};
