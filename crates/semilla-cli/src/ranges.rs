//! Moved to `show`.

pub(crate) use crate::show::fold::ranges;
