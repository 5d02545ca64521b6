//! What data hold, before there is a network for them.

use semilla::DType;
use semilla::graph::{Graph, Value};
use semilla_signal::Labels;

use super::source::read;
use super::spec::DataSpec;
use crate::error::LabError;

/// What data hold, before there is a network for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The shape of a sample.
    pub sample: Vec<usize>,
    /// The number of classes.
    pub classes: usize,
}

impl DataSpec {
    /// Reads the data to see the shape of a sample and the number of classes.
    ///
    /// ```
    /// use semilla_lab::DataSpec;
    ///
    /// let seen = DataSpec::of("digits").seen()?;
    /// assert_eq!((&*seen.sample, seen.classes), (&[1, 8, 8][..], 10));
    /// # Ok::<(), semilla_lab::LabError>(())
    /// ```
    ///
    /// # Errors
    /// The data cannot be read, or their labels are no classes.
    pub fn seen(&self) -> Result<Seen, LabError> {
        // An input that takes samples of any shape.
        let mut graph = Graph::new();
        graph.bodies_mut()[0].inputs.push(Value {
            name: "x".to_owned(),
            dtype: Some(DType::F32),
            ..Value::default()
        });
        let data = read(self, &graph)?;
        let unfit = |problem: &str| LabError::Unfit {
            data: self.source.clone(),
            problem: problem.to_owned(),
        };
        let Some(Labels::Classes(classes)) = &data.labels else {
            return Err(unfit(
                "their labels are no classes; name the column or the array that holds classes",
            ));
        };
        let shape = data.inputs.first().map(|(_, values)| values.shape());
        let sample = shape.and_then(|shape| shape.get(1..)).unwrap_or_default();
        let most = classes.iter().copied().max().unwrap_or(-1);
        let classes = usize::try_from(most + 1).unwrap_or(0);
        match classes < 2 || sample.iter().product::<usize>() == 0 {
            true => Err(unfit("they do not have two classes")),
            false => Ok(Seen {
                sample: sample.to_vec(),
                classes,
            }),
        }
    }
}
