//! The stream: a pure function from (seed, tensor name, element index, element type) to random
//! bits.
//!
//! A tensor's [`Stream`] gives any element without regard to the others, so any range, any slice,
//! any number of threads and any CPU give the same bits. There are two sequences per tensor: one
//! in 32-bit words for `f32` and, each value rounded once, for every narrower type; and one in
//! 64-bit words for `f64`, whose values are different numbers.
//!
//! `docs/stream.md` in the repository is the specification, version [`VERSION`]; `reference.rs` is
//! the same as plain code, and the vector kernels are tested against it bit for bit.

mod cpu;
mod kernel;
mod key;
mod law;
pub(crate) mod math;
mod part;
mod philox;
mod reference;
mod sampler;
pub(crate) mod simd;
mod values;

pub(crate) use cpu::Cpu;
pub use key::{InvalidKey, Key};
pub use law::{Law, Truncated};
pub use part::Part;
pub use philox::philox4x32_10;
pub use sampler::Sampler;
pub use values::{Stream, VERSION};

#[cfg(test)]
pub(crate) use tests::cpus;
#[cfg(test)]
mod tests;
