//! Results for the well-known activations, kept while the process runs.
//!
//! A plan asks for the same few expectations once per tensor, and every gain's limit is looked
//! for along the same variances.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::catalogue::Activation;

/// When this many results are kept, all are dropped: sweeps over parameters stay small.
const CAPACITY: usize = 8192;

/// An activation and what its inputs are like, to the last bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    name: &'static str,
    numbers: [u64; 3],
}

impl Key {
    pub(super) fn new(activation: Activation, mean: f64, variance: f64) -> Key {
        let parameter = activation.parameter().unwrap_or_default();
        Key {
            name: activation.name(),
            numbers: [parameter, mean, variance].map(f64::to_bits),
        }
    }
}

/// Results of one computation, shared by all threads.
pub(super) struct Memory<V>(Mutex<BTreeMap<Key, V>>);

impl<V: Clone> Memory<V> {
    pub(super) const fn new() -> Memory<V> {
        Memory(Mutex::new(BTreeMap::new()))
    }

    /// The result kept for `key`, or that of `compute`, which is kept. Threads that ask at the
    /// same time may compute it more than once, to the same bits.
    pub(super) fn recall(&self, key: Key, compute: impl FnOnce() -> V) -> V {
        // A panic elsewhere leaves whole entries: what is kept stays good.
        let entries = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = entries().get(&key) {
            return known.clone();
        }
        let fresh = compute();
        let mut entries = entries();
        if entries.len() >= CAPACITY {
            entries.clear();
        }
        entries.insert(key, fresh.clone());
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slope: f64, variance: f64) -> Key {
        Key::new(Activation::LeakyRelu { slope }, 0.0, variance)
    }

    #[test]
    fn the_same_question_is_computed_once() {
        let memory = Memory::new();
        assert_eq!(memory.recall(key(0.1, 1.0), || 1), 1);
        assert_eq!(memory.recall(key(0.1, 1.0), || 2), 1);
    }

    #[test]
    fn different_activations_parameters_and_inputs_are_kept_apart() {
        let keys = [
            key(0.1, 1.0),
            key(0.1f64.next_up(), 1.0),
            key(0.1, 1f64.next_up()),
            Key::new(Activation::Prelu { slope: 0.1 }, 0.0, 1.0),
            Key::new(Activation::LeakyRelu { slope: 0.1 }, 1.0, 1.0),
            Key::new(Activation::Relu, 0.0, 1.0),
        ];
        let memory = Memory::new();
        for (i, key) in keys.into_iter().enumerate() {
            assert_eq!(memory.recall(key, || i), i);
        }
    }

    #[test]
    fn it_never_grows_beyond_its_capacity() {
        let memory = Memory::new();
        for i in 0..2 * CAPACITY + 10 {
            memory.recall(key(i as f64, 1.0), || i);
            assert!(memory.0.lock().unwrap().len() <= CAPACITY);
        }
    }

    #[test]
    fn threads_share_it() {
        let memory = Memory::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for i in 0..100 {
                        assert_eq!(memory.recall(key(f64::from(i), 1.0), || i), i);
                    }
                });
            }
        });
        assert_eq!(memory.0.lock().unwrap().len(), 100);
    }
}
