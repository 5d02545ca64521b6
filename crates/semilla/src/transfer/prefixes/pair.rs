//! A pair of prefixes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The prefix that is taken off a checkpoint's names, and the one that is put before them instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefixes {
    /// Taken off the source's names.
    pub strip: String,
    /// Put before them.
    pub add: String,
}

impl fmt::Display for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "strip {:?} and add {:?}", self.strip, self.add)
    }
}
