//! Charts, drawn as SVG: lines with bands, points with intervals, histograms, distributions over
//! training.
//!
//! Colours and fonts come from the page's style, by classes.

mod arms;
mod bars;
mod frame;
mod interval;
mod key;
mod marker;
mod place;
mod plot;
mod ridges;
mod scale;
mod ticks;

pub use arms::{Look, look};
pub use bars::{histogram, sparkline};
pub use frame::Frame;
pub use interval::{interval, interval_axis};
pub use key::key;
pub use marker::Marker;
pub(crate) use place::place;
pub use plot::{Mark, Plot, Series, Shape};
pub use ridges::Ridges;
pub use scale::Scale;
pub use ticks::Tick;
