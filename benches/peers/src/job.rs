//! The jobs that peers are asked to do, and the memory that they fill.

use std::str::FromStr;
use std::time::{Duration, Instant};

use half::bf16;

/// The kind of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One constant.
    Fill,
    /// N(0, 1).
    Normal,
    /// U[0, 1).
    Uniform,
    /// N(0, 1) cut at ±2.
    Truncated,
    /// N(0, 0.02²) cut at ±2, which is 100 standard deviations away.
    TruncatedWide,
    /// A square orthogonal matrix.
    Orthogonal,
}

/// The element types that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    F32,
    Bf16,
}

/// One request: a number of elements of one kind and type.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub kind: Kind,
    pub dtype: DType,
    pub elements: usize,
}

impl FromStr for Job {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let not_a_job = || format!("{line:?} is not KIND DTYPE ELEMENTS");
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[kind, dtype, elements] = words.as_slice() else {
            return Err(not_a_job());
        };
        Ok(Self {
            kind: match kind {
                "fill" => Kind::Fill,
                "normal" => Kind::Normal,
                "uniform" => Kind::Uniform,
                "truncated" => Kind::Truncated,
                "truncated-wide" => Kind::TruncatedWide,
                "orthogonal" => Kind::Orthogonal,
                _ => return Err(not_a_job()),
            },
            dtype: match dtype {
                "f32" => DType::F32,
                "bf16" => DType::Bf16,
                _ => return Err(not_a_job()),
            },
            elements: elements.parse().map_err(|_| not_a_job())?,
        })
    }
}

/// Something that can do some of the jobs.
pub trait Peer {
    /// Does the job and returns how long it took, without the preparation (allocating and touching
    /// a buffer, if the peer writes into one). `None` if the peer has no such operation.
    fn run(&mut self, job: Job) -> Option<Duration>;
}

/// A buffer whose pages are all mapped, kept from job to job.
#[derive(Default)]
pub struct Buffers {
    f32: Vec<f32>,
    bf16: Vec<bf16>,
}

impl Buffers {
    pub fn f32(&mut self, elements: usize) -> &mut [f32] {
        touched(&mut self.f32, elements, 1.0)
    }

    pub fn bf16(&mut self, elements: usize) -> &mut [bf16] {
        touched(&mut self.bf16, elements, bf16::ONE)
    }
}

/// A buffer filled with `value`, which must not be zero: zeroed pages would be mapped at their first
/// use, inside the measurement.
fn touched<T: Copy>(buffer: &mut Vec<T>, elements: usize, value: T) -> &mut [T] {
    if buffer.len() != elements {
        *buffer = vec![value; elements];
    }
    buffer
}

/// Measures how long `work` takes, without freeing its result.
pub fn time<R>(work: impl FnOnce() -> R) -> Duration {
    let start = Instant::now();
    let result = std::hint::black_box(work());
    let elapsed = start.elapsed();
    drop(result);
    elapsed
}
