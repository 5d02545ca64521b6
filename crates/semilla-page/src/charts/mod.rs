//! Charts, drawn as SVG: lines with bands, points with intervals, histograms.
//!
//! Colours and fonts come from the page's style, by classes.

mod bars;
mod place;
mod plot;
mod scale;
mod ticks;

pub use bars::{histogram, sparkline};
pub(crate) use place::place;
pub use plot::{Mark, Plot, Series, Shape};
pub use scale::Scale;
pub use ticks::Tick;
