//! The page of `semilla compare`: the verdict, then everything that it rests on.

mod curves;
mod export;
mod head;
mod layers;
mod method;
mod page;
mod pairs;
mod pictures;
mod rates;
mod results;
mod shown;
mod theory;
mod view;

pub use page::page;
pub(crate) use pictures::{Pictures, reaches};
