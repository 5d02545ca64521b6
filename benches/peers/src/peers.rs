//! The peers, each called as its users call it. Those that offer a place to write get a buffer that
//! is already mapped; those that return a new tensor are measured with its allocation.

use std::time::Duration;

use burn::nn::Initializer;
use burn::tensor::{DType as BurnDType, Device, Distribution, Tensor};
use candle_core::Tensor as CandleTensor;
use half::bf16;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution as _, StandardNormal};
use rayon::prelude::*;

use crate::job::{Buffers, DType, Job, Kind, Peer, time};

/// Plain memory fill: `slice::fill`, one contiguous part per thread.
pub struct Fill {
    threads: usize,
    buffers: Buffers,
}

impl Fill {
    pub fn new(threads: usize) -> Self {
        Self {
            threads,
            buffers: Buffers::default(),
        }
    }
}

/// Fills with a constant for every kind of values: the speed that all others are compared with.
impl Peer for Fill {
    fn run(&mut self, job: Job) -> Option<Duration> {
        if job.kind == Kind::Orthogonal {
            return None;
        }
        let part = job.elements.div_ceil(self.threads);
        Some(match job.dtype {
            DType::F32 => {
                let buffer = self.buffers.f32(job.elements);
                time(|| buffer.par_chunks_mut(part).for_each(|part| part.fill(0.02)))
            }
            DType::Bf16 => {
                let buffer = self.buffers.bf16(job.elements);
                time(|| {
                    buffer
                        .par_chunks_mut(part)
                        .for_each(|part| part.fill(bf16::EPSILON))
                })
            }
        })
    }
}

/// `rand` and `rand_distr` with one of their generators, on one thread.
pub struct RandDistr<R> {
    rng: R,
    buffers: Buffers,
}

impl<R: SeedableRng> RandDistr<R> {
    pub fn new() -> Self {
        Self {
            rng: R::seed_from_u64(0),
            buffers: Buffers::default(),
        }
    }
}

impl<R: Rng> Peer for RandDistr<R> {
    fn run(&mut self, job: Job) -> Option<Duration> {
        let rng = &mut self.rng;
        match (job.kind, job.dtype) {
            (Kind::Fill, DType::F32) => {
                let buffer = self.buffers.f32(job.elements);
                Some(time(|| buffer.fill(0.02)))
            }
            (Kind::Normal, DType::F32) => {
                let buffer = self.buffers.f32(job.elements);
                Some(time(|| buffer.fill_with(|| StandardNormal.sample(rng))))
            }
            (Kind::Uniform, DType::F32) => {
                let buffer = self.buffers.f32(job.elements);
                Some(time(|| buffer.fill_with(|| rng.random())))
            }
            (Kind::Normal, DType::Bf16) => {
                let buffer = self.buffers.bf16(job.elements);
                let draw = || bf16::from_f32(StandardNormal.sample(rng));
                Some(time(|| buffer.fill_with(draw)))
            }
            _ => None,
        }
    }
}

/// candle on its CPU device.
pub struct Candle;

impl Peer for Candle {
    fn run(&mut self, job: Job) -> Option<Duration> {
        let (n, device) = (job.elements, &candle_core::Device::Cpu);
        match (job.kind, job.dtype) {
            (Kind::Fill, DType::F32) => Some(time(|| CandleTensor::full(0.02f32, n, device))),
            (Kind::Normal, DType::F32) => Some(time(|| CandleTensor::randn(0f32, 1., n, device))),
            (Kind::Uniform, DType::F32) => Some(time(|| CandleTensor::rand(0f32, 1., n, device))),
            (Kind::Normal, DType::Bf16) => Some(time(|| {
                CandleTensor::randn(bf16::ZERO, bf16::ONE, n, device)
            })),
            _ => None,
        }
    }
}

/// burn on its CPU backend (Flex).
pub struct Burn {
    device: Device,
}

impl Burn {
    pub fn new() -> Self {
        Self {
            device: Device::flex(),
        }
    }

    fn random(&self, job: Job, distribution: Distribution) -> Tensor<1> {
        let dtype = match job.dtype {
            DType::F32 => BurnDType::F32,
            DType::Bf16 => BurnDType::BF16,
        };
        Tensor::random([job.elements], distribution, (&self.device, dtype))
    }
}

impl Peer for Burn {
    fn run(&mut self, job: Job) -> Option<Duration> {
        match (job.kind, job.dtype) {
            (Kind::Fill, DType::F32) => Some(time(|| {
                Tensor::<1>::full([job.elements], 0.02, &self.device)
            })),
            (Kind::Normal, _) => Some(time(|| self.random(job, Distribution::Normal(0.0, 1.0)))),
            (Kind::Uniform, _) => Some(time(|| self.random(job, Distribution::Default))),
            (Kind::Orthogonal, DType::F32) => {
                let side = job.elements.isqrt();
                let orthogonal = Initializer::Orthogonal { gain: 1.0 };
                Some(time(|| {
                    orthogonal.init::<2, _>([side, side], &self.device).val()
                }))
            }
            _ => None,
        }
    }
}
