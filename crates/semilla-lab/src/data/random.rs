//! Random numbers, one after the other, that depend on a seed and a name alone.

use semilla::stream::{Sampler, Stream};
use semilla::{DType, Distribution};

/// Random numbers, one after the other.
pub(crate) struct Random {
    stream: Stream,
    next: u64,
    /// The words that the next one is among.
    block: [u32; Stream::BLOCK],
}

impl Random {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self {
            stream: Stream::new(seed, name),
            next: 0,
            block: [0; Stream::BLOCK],
        }
    }

    /// 32 random bits.
    fn word(&mut self) -> u32 {
        let place = (self.next % Stream::BLOCK as u64) as usize;
        if place == 0 {
            self.block = self.stream.words(self.next / Stream::BLOCK as u64);
        }
        self.next += 1;
        self.block[place]
    }

    /// A whole number below an end, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let bits = (u128::from(self.word()) << 32) | u128::from(self.word());
        ((bits * end as u128) >> 64) as usize
    }

    /// A number from 0 up to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        f64::from(self.word()) / 2f64.powi(32)
    }

    /// The numbers below an end, in random order: Fisher & Yates's shuffle.
    pub(crate) fn order(&mut self, end: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..end).collect();
        self.shuffle(&mut order);
        order
    }

    /// Brings things into random order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

/// Standard normal numbers.
pub(crate) fn normals(seed: u64, name: &str, count: usize) -> Vec<f32> {
    let normal = Distribution::Normal {
        mean: 0.0,
        std: 1.0,
    };
    let mut numbers = vec![0.0; count];
    // A standard normal has a sampler in any case.
    if let Ok(sampler) = Sampler::new(&normal, DType::F32) {
        Stream::new(seed, name).fill(&sampler, 0, &mut numbers);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_each_number_once() {
        let mut order = Random::new(3, "order").order(1000);
        assert_eq!(order, Random::new(3, "order").order(1000));
        assert_ne!(order, Random::new(4, "order").order(1000));
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1000));
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut random = Random::new(0, "even");
        let mut counts = [0; 7];
        (0..7000).for_each(|_| counts[random.below(7)] += 1);
        assert!(
            counts.iter().all(|&count| (880..1120).contains(&count)),
            "{counts:?}"
        );
        let mean = (0..4000).map(|_| random.uniform()).sum::<f64>() / 4000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
