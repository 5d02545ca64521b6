//! The formulas, by family.

mod blocks;
mod convolutions;
mod elementwise;
mod matrices;
mod norms;
mod sequences;
mod variance;
