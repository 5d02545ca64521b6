//! What a network should answer.

use serde::Serialize;

use crate::array::Array;
use crate::noise::{noise, whole};

/// What a network should answer to the samples of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// A class for each sample, or for each place of each sample (a word, a pixel), row-major.
    /// Negative ones are left out of the loss.
    Classes(Vec<i64>),
    /// Numbers in the shape of the output.
    Values(Array<f32>),
}

/// Where labels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSource {
    /// The data.
    Data,
    /// The input's own next tokens.
    NextTokens,
    /// They are random.
    Random,
}

impl Labels {
    /// How many times each of `classes` classes occurs; `None` of numbers, and where a class is
    /// beyond them.
    pub fn frequencies(&self, classes: usize) -> Option<Vec<usize>> {
        let Labels::Classes(found) = self else {
            return None;
        };
        let mut counts = vec![0; classes];
        for &class in found.iter().filter(|&&class| class >= 0) {
            *counts.get_mut(usize::try_from(class).ok()?)? += 1;
        }
        Some(counts)
    }

    /// The next token of each of `[samples, length]` tokens; the last of a sample has none.
    pub fn next_tokens(tokens: &Array<i64>) -> Self {
        let length = tokens.shape().last().copied().unwrap_or(1).max(1);
        let next = |sample: &[i64]| [&sample[1..], &[-1]].concat();
        Labels::Classes(tokens.data().chunks(length).flat_map(next).collect())
    }

    /// Random classes, each as likely as the others.
    pub(super) fn random_classes(count: usize, classes: usize, seed: u64) -> Self {
        Labels::Classes(whole(count, classes, seed, NAME))
    }

    /// Standard normal numbers.
    pub(super) fn random_values(shape: &[usize], seed: u64) -> Self {
        Labels::Values(noise(shape, seed, NAME))
    }
}

/// The name of the stream of random labels.
const NAME: &str = "the labels";
