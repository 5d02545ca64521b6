//! The order in which samples come.

use crate::data::Random;

/// The samples of one step after the other: all of them in random order, again and again. Every
/// batch is full; one may hold the end of an order and the start of the next.
pub(crate) struct Order {
    seed: u64,
    count: usize,
    epoch: u64,
    /// What is left of this epoch, the next one last.
    left: Vec<usize>,
}

impl Order {
    pub(crate) fn new(seed: u64, count: usize) -> Self {
        Self {
            seed,
            count,
            epoch: 0,
            left: Vec::new(),
        }
    }

    /// The next numbers below the count.
    pub(crate) fn next(&mut self, batch: usize) -> Vec<usize> {
        let mut places = Vec::with_capacity(batch);
        while places.len() < batch && self.count > 0 {
            if self.left.is_empty() {
                self.left =
                    Random::new(self.seed, &format!("order: {}", self.epoch)).order(self.count);
                self.epoch += 1;
            }
            let taken = (batch - places.len()).min(self.left.len());
            places.extend(self.left.drain(self.left.len() - taken..).rev());
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_has_each_sample_once() {
        let mut order = Order::new(1, 10);
        let all: Vec<usize> = (0..5).flat_map(|_| order.next(4)).collect();
        for epoch in all.chunks(10) {
            let mut epoch = epoch.to_vec();
            epoch.sort_unstable();
            assert!(epoch.into_iter().eq(0..10), "{all:?}");
        }
        assert_ne!(all[..10], all[10..]);
        assert!(Order::new(1, 0).next(4).is_empty());
    }
}
