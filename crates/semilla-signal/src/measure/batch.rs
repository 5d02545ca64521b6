//! Synthetic inputs of a graph: noise for numbers, random words for tokens.

use std::collections::BTreeMap;

use semilla::graph::{Dim, Graph, Value};

use super::input_spec::vocabularies;
use crate::array::Array;
use crate::executor::Datum;
use crate::noise::{noise, whole};

/// The sizes of an input's open axes, and the seed of its values.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Samples: the size of the first axis, where it is open.
    pub samples: usize,
    /// Sizes of open axes by their names, such as `height`.
    pub sizes: BTreeMap<String, usize>,
    /// The shapes of inputs by their names; they override all else.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// The seed of the values.
    pub seed: u64,
}

/// Why no input can be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A size that the graph leaves open.
    #[error("the size of axis {axis} ({name}) of the input {input:?} is open; give it")]
    Open {
        /// The input.
        input: String,
        /// The axis.
        axis: usize,
        /// Its name in the graph.
        name: String,
    },
    /// The input has not even a known number of axes.
    #[error("the shape of the input {0:?} is not known; give it")]
    Shape(String),
    /// The input is neither numbers nor whole numbers.
    #[error("the input {0:?} is neither of numbers nor of whole numbers; give its values")]
    Kind(String),
}

impl Batch {
    /// Values for every input: standard normal numbers, words below the vocabulary of the table
    /// that they are looked up in, and 1 for other whole numbers (masks).
    ///
    /// # Errors
    /// A size that the graph leaves open, or an input of an unknown kind.
    pub fn inputs(&self, graph: &Graph) -> Result<Vec<(String, Datum<f32>)>, BatchError> {
        let vocabularies = vocabularies(graph);
        let given = graph.main().given().map(|input| {
            let shape = self.shape(input)?;
            let datum = self.values(input, shape, vocabularies.get(&input.name))?;
            Ok((input.name.clone(), datum))
        });
        given.collect()
    }

    fn shape(&self, input: &Value) -> Result<Vec<usize>, BatchError> {
        if let Some(shape) = self.shapes.get(&input.name) {
            return Ok(shape.clone());
        }
        let dims = input
            .shape
            .as_ref()
            .ok_or_else(|| BatchError::Shape(input.name.clone()))?;
        let size = |(axis, dim): (usize, &Dim)| {
            let name = match dim {
                Dim::Known(size) => return Ok(*size),
                Dim::Named(name) => name.clone(),
                Dim::Unknown => "without a name".to_owned(),
            };
            let found = self.sizes.get(&name).copied();
            found
                .or((axis == 0).then_some(self.samples))
                .ok_or_else(|| BatchError::Open {
                    input: input.name.clone(),
                    axis,
                    name,
                })
        };
        dims.iter().enumerate().map(size).collect()
    }

    fn values(
        &self,
        input: &Value,
        shape: Vec<usize>,
        vocabulary: Option<&usize>,
    ) -> Result<Datum<f32>, BatchError> {
        let wrong = || BatchError::Kind(input.name.clone());
        let dtype = input.dtype.ok_or_else(wrong)?;
        let count = crate::array::checked_size(&shape).filter(|&count| count < 1 << 30);
        let count = count.ok_or_else(|| BatchError::Shape(input.name.clone()))?;
        if dtype.is_float() {
            return Ok(Datum::Float(noise(&shape, self.seed, &input.name)));
        }
        let words = match vocabulary {
            Some(&words) => whole(count, words, self.seed, &input.name),
            None => vec![1; count],
        };
        Array::new(shape, words).map(Datum::Whole).ok_or_else(wrong)
    }
}
