//! From facts, names and shapes to a model.

mod before;
mod convolutions;
mod free;
mod fused;
mod index;
mod layouts;
mod neighbours;
mod outputs;
mod projections;
mod reading;
mod residual;
mod roles;
mod sequence;
mod sides;
mod steps;
mod vectors;
mod whole;
