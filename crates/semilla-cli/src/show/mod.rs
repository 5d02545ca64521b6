//! Tables and sentences for people.

pub(crate) mod fold;
