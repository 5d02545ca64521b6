//! Following an operation, and ending it early.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

/// Follows an operation while it runs. The default neither reports nor stops anything.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Called with the number of bytes done since the last call; from any thread.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Once this is set, the operation ends with [`Error::Interrupted`] and leaves no file behind.
    pub stop: &'a AtomicBool,
}

impl Default for Watch<'_> {
    fn default() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self {
            progress: &|_| {},
            stop: &NEVER,
        }
    }
}

/// # Errors
/// [`Error::Interrupted`] if `stop` is set.
pub(super) fn go_on(stop: &AtomicBool) -> Result<(), Error> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}
