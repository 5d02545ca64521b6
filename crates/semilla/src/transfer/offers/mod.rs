//! The tensors that a checkpoint offers for each of a model: one, several in one, or a part of one.
//!
//! [`Offers`] finds what is offered under a name; [`Giver`] turns an offer into a fill.

mod catalog;
mod find;
mod fit;
mod fuse;
mod give;
mod heads;
mod new_layer;
mod normalize;
mod offer;
mod order;
mod section;
mod single;
mod split;
mod window;

pub(super) use catalog::Catalog;
pub(super) use find::Offers;
pub(super) use give::Giver;
pub use normalize::Norms;
pub(super) use offer::Offer;

#[cfg(test)]
mod tests;
