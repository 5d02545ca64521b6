//! How data are read, and what comes of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use semilla_signal::{Datum, InputSpec, Labels};

use crate::normalize::Normalize;
use crate::sample::known;

/// How data are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The samples to take, at most. `usize::MAX` takes all; of a text, windows side by side.
    pub samples: usize,
    /// Sizes of axes that the graph leaves open, by their names.
    pub sizes: BTreeMap<String, usize>,
    /// How numbers are centred and scaled; `None` for pixels as usual, and other numbers not at
    /// all.
    pub normalize: Option<Normalize>,
    /// The column or the array that holds the labels; `None` to find it by its name.
    pub labels: Option<String>,
    /// The `tokenizer.json` that makes tokens of a text; `None` for its bytes.
    pub tokenizer: Option<PathBuf>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            samples: 32,
            sizes: BTreeMap::new(),
            normalize: None,
            labels: None,
            tokenizer: None,
        }
    }
}

/// Data, ready for a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// A value for each input, by its name.
    pub inputs: Vec<(String, Datum<f32>)>,
    /// What the network should answer, where the data say it.
    pub labels: Option<Labels>,
    /// The samples that were taken.
    pub samples: usize,
    /// By the name of an input: the equal parts of each sample that have a scale of their own,
    /// such as the channels of an image or the features of a table.
    pub channels: BTreeMap<String, usize>,
    /// Sentences about what was done to the data.
    pub remarks: Vec<String>,
}

impl Reading {
    /// The samples that are taken: as many as asked for, or as many as the input states.
    pub(crate) fn count(&self, input: Option<&InputSpec>) -> usize {
        let stated = input.and_then(|input| known(input.shape.as_ref()?.first()?));
        stated.unwrap_or(self.samples)
    }
}

/// Samples in memory, with what the network should answer to each.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The shape of a sample; of images the channels first.
    pub shape: Vec<usize>,
    /// The samples.
    pub samples: Vec<Vec<f32>>,
    /// Whether they are pixels between 0 and 1, which are normalized unless something else is asked
    /// for.
    pub are_pixels: bool,
    /// The labels, one for each sample.
    pub labels: Labels,
}
