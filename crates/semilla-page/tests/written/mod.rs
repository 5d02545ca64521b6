//! What any page must be.

mod markup;

pub(crate) use markup::{asks_nothing, ids, values};
