//! The commands: arguments, operation, show.

pub(crate) mod diff;
pub(crate) mod inspect;
pub(crate) mod lora;
pub(crate) mod opened;
