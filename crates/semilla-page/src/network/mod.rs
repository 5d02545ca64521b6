//! The network as a drawing: what of a graph is worth seeing, where it lies, and how it looks.
//!
//! 1. [`Sketch`] keeps layers, places where signals meet, inputs and outputs.
//! 2. [`parts`] cuts it where everything goes through one place, and finds what repeats.
//! 3. [`Layout`] puts the nodes of one such step into ranks.
//! 4. [`drawing`] makes the page's elements of them.

mod draw;
mod layout;
mod parts;
mod sketch;

pub(crate) use draw::drawing;
pub(crate) use sketch::Sketch;
