//! From facts, names and shapes to a model.

mod convolutions;
mod fused;
mod index;
mod layouts;
mod neighbours;
mod projections;
mod reading;
mod residual;
mod roles;
mod sequence;
mod sides;
mod steps;
mod vectors;
mod whole;
