//! What all pages share: head, style, script, and the buttons for language and colours.

mod document;
mod policy;

pub use document::{Document, copied};
