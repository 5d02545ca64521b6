//! The random values of one tensor.

use half::{bf16, f16};
use rayon::prelude::*;

use super::cpu::Cpu;
use super::kernel::{Store, UNIT};
use super::key::Key;
use super::law::Law;
use super::part::Part;
use super::reference::{BLOCK32, block32, element_f32, element_f64, word};
use super::sampler::{Laws, Sampler};
use crate::dtype::{DType, Element};

/// The version of the mapping from (seed, name, index) to bits; it never changes silently.
pub const VERSION: u32 = 1;

/// The random values of one tensor, addressed by element index.
///
/// ```
/// use semilla::{DType, Distribution, Sampler, stream::Stream};
///
/// let stream = Stream::new(42, "encoder.0.weight");
/// let normal = Sampler::new(&Distribution::Normal { mean: 0.0, std: 0.02 }, DType::F32)?;
/// let mut whole = vec![0f32; 1000];
/// stream.fill(&normal, 0, &mut whole);
/// let mut part = vec![0f32; 10];
/// stream.fill(&normal, 990, &mut part);
/// assert_eq!(whole[990..], part);
/// # Ok::<(), semilla::DistributionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    pub(super) key: Key,
    pub(super) part: Part,
}

/// Elements that one thread takes at a time: large enough to forget the hand-over, small enough to
/// share evenly.
const CHUNK: usize = 1 << 16;

impl Stream {
    /// The stream of the tensor `name` under `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        Self::from_key(Key::new(seed, name))
    }

    /// The stream of a key.
    pub const fn from_key(key: Key) -> Self {
        Self { key, part: Part(0) }
    }

    /// A different, independent sequence of the same tensor.
    pub const fn part(self, part: Part) -> Self {
        Self {
            key: self.key,
            part,
        }
    }

    /// The sequence of the `index`-th thing inside this one. The children of part `p` are the parts
    /// `p · 2²⁰ + index + 1`.
    pub const fn child(self, index: u64) -> Self {
        let Part(part) = self.part;
        self.part(Part((part << 20).wrapping_add(index).wrapping_add(1)))
    }

    /// The key.
    pub const fn key(self) -> Key {
        self.key
    }

    /// Which of the tensor's independent sequences this is.
    pub const fn sequence(self) -> Part {
        self.part
    }

    /// The 32 random bits of element `index`.
    pub fn word(self, index: u64) -> u32 {
        word(self.key, self.part, index)
    }

    /// Elements whose bits are made together.
    pub const BLOCK: usize = BLOCK32 as usize;

    /// The random bits of the elements from `block` times [`BLOCK`](Self::BLOCK) on: a quarter of
    /// the work of one [`word`](Self::word) after the other.
    ///
    /// ```
    /// use semilla::stream::Stream;
    ///
    /// let stream = Stream::new(7, "fc.weight");
    /// assert_eq!(stream.words(3)[5], stream.word(3 * Stream::BLOCK as u64 + 5));
    /// ```
    pub fn words(self, block: u64) -> [u32; Self::BLOCK] {
        block32(self.key, self.part, block)
    }

    /// Element `index` by itself, by the plain reference: as the sampler's element type computes
    /// it, before rounding to a type narrower than `f32`.
    ///
    /// ```
    /// use semilla::{DType, Distribution, Sampler, stream::Stream};
    ///
    /// let sampler = Sampler::new(&Distribution::Normal { mean: 0.0, std: 1.0 }, DType::F32)?;
    /// let stream = Stream::new(7, "fc.weight");
    /// let mut row = [0f32; 5];
    /// stream.fill(&sampler, 1_000_000, &mut row);
    /// assert_eq!(stream.value(&sampler, 1_000_003), f64::from(row[3]));
    /// # Ok::<(), semilla::DistributionError>(())
    /// ```
    pub fn value(self, sampler: &Sampler, index: u64) -> f64 {
        match &sampler.laws {
            Laws::F32(law) => f64::from(element_f32(self.key, self.part, index, law)),
            Laws::F64(law) => element_f64(self.key, self.part, index, law),
        }
    }

    /// Writes the elements `first..first + out.len()` on the calling thread.
    ///
    /// # Panics
    /// If the sampler was made for a different element type.
    pub fn fill<E: Element>(self, sampler: &Sampler, first: u64, out: &mut [E]) {
        use bytemuck::cast_slice_mut as cast;
        assert_eq!(
            sampler.dtype(),
            E::DTYPE,
            "the sampler was made for a different element type"
        );
        match (&sampler.laws, E::DTYPE) {
            (Laws::F64(law), _) => self.fill_f64(law, first, cast(out)),
            (Laws::F32(law), DType::F32) => {
                self.fill_f32::<f32>(law, first, cast(out));
            }
            (Laws::F32(law), DType::BF16) => {
                self.fill_f32::<bf16>(law, first, cast(out));
            }
            (Laws::F32(law), DType::F16) => {
                self.fill_f32::<f16>(law, first, cast(out));
            }
            (Laws::F32(law), _) => self.fill_rounded(law, first, out),
        }
    }

    /// Writes the elements `first..first + out.len()`, sharing the work among rayon's current
    /// threads.
    ///
    /// # Panics
    /// If the sampler was made for a different element type.
    pub fn par_fill<E: Element>(self, sampler: &Sampler, first: u64, out: &mut [E]) {
        each_chunk(first, out, |first, chunk| self.fill(sampler, first, chunk));
    }

    /// Whole units by the kernels, the ragged ends through one unit beside.
    pub(crate) fn fill_f32<E: Store>(self, law: &Law<f32>, first: u64, out: &mut [E]) {
        let skip = (first % UNIT as u64) as usize;
        let head = if skip == 0 {
            0
        } else {
            out.len().min(UNIT - skip)
        };
        let (head, rest) = out.split_at_mut(head);
        let mut number = first / UNIT as u64;
        if !head.is_empty() {
            self.ragged(law, number, skip, head);
            number += 1;
        }
        let (whole, tail) = rest.split_at_mut(rest.len() / UNIT * UNIT);
        Cpu::detected().fill_units((self.key, self.part), law, number, whole);
        if !tail.is_empty() {
            self.ragged(law, number + (whole.len() / UNIT) as u64, 0, tail);
        }
    }

    fn ragged<E: Store>(self, law: &Law<f32>, number: u64, skip: usize, out: &mut [E]) {
        let mut unit = [E::zeroed(); UNIT];
        Cpu::detected().fill_units((self.key, self.part), law, number, &mut unit);
        out.copy_from_slice(&unit[skip..skip + out.len()]);
    }

    /// For the types without a vector store: `f32` values, block by block, each rounded.
    fn fill_rounded<E: Element>(self, law: &Law<f32>, first: u64, out: &mut [E]) {
        let mut block = [0f32; 8 * UNIT];
        let mut first = first;
        for out in out.chunks_mut(block.len()) {
            let block = &mut block[..out.len()];
            self.fill_f32(law, first, block);
            for (to, &value) in out.iter_mut().zip(block.iter()) {
                *to = E::from_f32(value);
            }
            first += out.len() as u64;
        }
    }

    pub(crate) fn fill_f64(self, law: &Law<f64>, first: u64, out: &mut [f64]) {
        Cpu::detected().fill_f64((self.key, self.part), law, first, out);
    }
}

/// Hands `out` out in chunks that begin on multiples of [`CHUNK`] elements of the tensor.
fn each_chunk<E: Element>(first: u64, out: &mut [E], fill: impl Fn(u64, &mut [E]) + Sync) {
    let to_boundary = (CHUNK as u64 - first % CHUNK as u64) as usize;
    let (head, rest) = out.split_at_mut(to_boundary.min(out.len()));
    let after = first + head.len() as u64;
    rayon::join(
        || fill(first, head),
        || {
            rest.par_chunks_mut(CHUNK)
                .enumerate()
                .for_each(|(i, chunk)| {
                    fill(after + (i * CHUNK) as u64, chunk);
                });
        },
    );
}

const _: () = assert!(CHUNK.is_multiple_of(UNIT));
