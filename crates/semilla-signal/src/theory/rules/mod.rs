//! What theory says of each operator: a file per kind.

mod arithmetic;
mod centre;
mod convolution;
mod geometry;
mod image;
mod linear;
mod normalization;
mod pool;
mod product;
mod scaled;
mod sequence;
mod shape;
mod softmax;
mod table;
mod upsample;

pub(super) use arithmetic::of_channels;
pub(super) use table::apply;
