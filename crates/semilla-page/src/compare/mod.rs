//! The page of `semilla compare`: the verdict, then everything that it rests on.

mod curves;
mod export;
mod head;
mod layers;
mod method;
mod page;
mod pairs;
mod rates;
mod results;
mod shown;
mod theory;
mod view;

pub(crate) use layers::reach;
pub use page::page;
pub(crate) use shown::places;
