//! The formulas, by family.

mod convolutions;
mod elementwise;
mod matrices;
mod sequences;
mod variance;
