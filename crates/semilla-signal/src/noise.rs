//! Random numbers that depend on a seed and a name alone.

use semilla::stream::{Sampler, Stream};
use semilla::{DType, Distribution};

use crate::array::Array;
use crate::real::Real;

/// Standard normal numbers.
pub(crate) fn noise<T: Real>(shape: &[usize], seed: u64, name: &str) -> Array<T> {
    let mut array = Array::filled(shape, 0.0f32);
    let normal = Distribution::Normal {
        mean: 0.0,
        std: 1.0,
    };
    if let Ok(sampler) = Sampler::new(&normal, DType::F32) {
        Stream::new(seed, name).fill(&sampler, 0, array.data_mut());
    }
    array.map(|x| T::of(x.into()))
}

/// Whole numbers below an end, each as likely as the others.
pub(crate) fn whole(count: usize, end: usize, seed: u64, name: &str) -> Vec<i64> {
    let stream = Stream::new(seed, name);
    let number = |at: usize| i64::from(stream.word(at as u64)) % end.max(1) as i64;
    (0..count).map(number).collect()
}
