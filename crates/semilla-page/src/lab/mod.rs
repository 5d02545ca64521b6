//! The lab: a learner sets a network and how it may start, and watches it train.
//!
//! [`page`] is the page, [`preview`] what of it follows the settings, and [`train`] what of it
//! changes in training. Whoever serves them brings them to the browser: `semilla lab` does.

mod choice;
mod form;
mod live;
mod page;
mod parts;
mod recipe;
mod setup;
mod start;
mod story;
mod take;
mod theory;
mod told;
mod training;

pub use choice::Own;
pub use page::{complaint, page, preview};
pub use parts::Parts;
pub use setup::Setup;
pub use training::train;
