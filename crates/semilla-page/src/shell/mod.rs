//! What all pages share: head, style, script, figures, and the buttons for language and colours.

mod document;
mod figure;
mod policy;
mod saving;

pub use document::{Document, Live, copied};
pub use figure::Figure;
pub use saving::saving;
