//! The kinds of layers, a file for each group.

mod convolution;
mod join;
mod linear;
mod normalization;
mod pool;
mod positions;
mod recurrent;
mod scan;
mod shape;
mod site;
mod table;
mod unary;

pub(super) use join::{concat, joined};
pub(super) use table::layer;
pub(super) use unary::times;
