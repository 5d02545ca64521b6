//! What all pages share: head, style, script, figures, and the buttons for language and colours.

mod document;
mod figure;
mod numbers;
mod policy;
mod saving;
mod verdict;

pub use document::{Document, Live, copied};
pub use figure::Figure;
pub use numbers::{Numbers, opening};
pub use saving::saving;
pub use verdict::verdict;
