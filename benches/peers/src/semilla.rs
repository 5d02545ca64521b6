//! Semilla itself.

use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};
use semilla::stream::Stream;
use semilla::{Distribution, Element, Sampler, matrix};

use crate::job::{Buffers, DType, Job, Kind, Peer, time};

/// Semilla on a number of threads, writing into a buffer in place.
pub struct Semilla {
    pool: ThreadPool,
    buffers: Buffers,
}

impl Semilla {
    pub fn new(threads: usize) -> Self {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        Self {
            pool: pool.expect("threads can be started"),
            buffers: Buffers::default(),
        }
    }
}

impl Peer for Semilla {
    fn run(&mut self, job: Job) -> Option<Duration> {
        match (job.kind, job.dtype) {
            (Kind::Orthogonal, DType::F32) => {
                let size = job.elements.isqrt();
                let out = self.buffers.f32(job.elements);
                let stream = Stream::new(0, "bench");
                let pool = &self.pool;
                Some(time(|| {
                    pool.install(|| matrix::orthogonal(stream, size, size, 1.0, out))
                }))
            }
            (kind, DType::F32) => draw(kind, self.buffers.f32(job.elements), &self.pool),
            (kind, DType::Bf16) => draw(kind, self.buffers.bf16(job.elements), &self.pool),
        }
    }
}

fn draw<T: Element>(kind: Kind, buffer: &mut [T], pool: &ThreadPool) -> Option<Duration> {
    let truncated = |std: f64| Distribution::TruncatedNormal {
        mean: 0.0,
        std,
        low: -2.0,
        high: 2.0,
    };
    let distribution = match kind {
        Kind::Normal => Distribution::Normal { mean: 0.0, std: 1.0 },
        Kind::Uniform => Distribution::Uniform { low: 0.0, high: 1.0 },
        Kind::Truncated => truncated(1.0),
        Kind::TruncatedWide => truncated(0.02),
        Kind::Fill | Kind::Orthogonal => return None,
    };
    let stream = Stream::new(0, "bench");
    let sampler = Sampler::new(&distribution, T::DTYPE).expect("a drawable distribution");
    Some(time(|| {
        pool.install(|| stream.par_fill(&sampler, 0, buffer))
    }))
}
