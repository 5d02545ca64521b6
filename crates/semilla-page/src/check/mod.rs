//! The page of `semilla check`: the verdict, signals over depth, and the network layer by layer.

mod checked;
mod further;
mod glossary;
mod head;
mod layers;
mod page;
mod rows;
mod signals;

pub use checked::{Check, Data, Remedy, Weights};
pub use page::page;
