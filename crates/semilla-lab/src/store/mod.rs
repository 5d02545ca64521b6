//! The run store: outcomes on disk, so that an interrupted comparison goes on where it was.
//!
//! A store is a text file that only grows. Each line is a checksum and one JSON: the first says
//! which problem the trials are of, every other is a trial and its outcome. A line is written at
//! once and synced, so that a process that is killed can tear the last line only, which the next
//! one cuts off. The file is locked while it is open.

mod error;
mod line;
mod owner;
mod runs;

pub use error::StoreError;
pub use owner::Owner;
pub use runs::Store;
