//! Samples as a reader finds them, on their way into an input.

use std::path::Path;

use semilla::graph::Dim;
use semilla_signal::{Array, Datum, InputSpec, Labels};

use crate::error::DataError;
use crate::normalize::Normalize;

/// The most elements of one input.
const MOST: usize = 1 << 28;

/// Checks that so many samples of a shape are not too much at once.
pub(crate) fn check_size(path: &Path, samples: usize, shape: &[usize]) -> Result<(), DataError> {
    let mut sizes = shape.iter();
    let elements = sizes.try_fold(samples, |count, &size| count.checked_mul(size));
    match elements.is_some_and(|elements| elements <= MOST) {
        true => Ok(()),
        false => Err(DataError::TooLarge {
            path: path.to_owned(),
            what: "the batch",
            limit: format!("{MOST} elements"),
        }),
    }
}

/// What a reader finds.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) samples: Samples,
    pub(crate) labels: Option<Labels>,
    pub(crate) remarks: Vec<String>,
}

/// Samples of one shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Samples {
    /// Numbers.
    Numbers {
        shape: Vec<usize>,
        values: Vec<Vec<f32>>,
        /// Whether they are pixels between 0 and 1.
        are_pixels: bool,
    },
    /// Whole numbers.
    Whole {
        shape: Vec<usize>,
        values: Vec<Vec<i64>>,
    },
}

/// The samples that are taken of all: evenly spread, since data are often sorted.
pub(crate) fn spread(all: usize, wanted: usize) -> Vec<usize> {
    let taken = wanted.min(all);
    (0..taken)
        .map(|place| (place as u128 * all as u128 / taken as u128) as usize)
        .collect()
}

/// Samples in an input.
pub(crate) struct Fitted {
    pub(crate) datum: Datum<f32>,
    /// The equal parts of each sample that have a scale of their own.
    pub(crate) channels: usize,
}

/// Brings samples into an input; remarks say what was done to them.
pub(crate) fn fitted(
    path: &Path,
    samples: Samples,
    input: &InputSpec,
    normalize: Option<&Normalize>,
    remarks: &mut Vec<String>,
) -> Result<Fitted, DataError> {
    match (samples, input.takes_numbers) {
        (
            Samples::Numbers {
                shape,
                values,
                are_pixels,
            },
            true,
        ) => {
            let numbers = Numbers {
                shape,
                values,
                are_pixels,
            };
            numbers.fitted(path, input, normalize, remarks)
        }
        (Samples::Whole { shape, values }, false) => Ok(Fitted {
            datum: whole(path, shape, values, input, remarks)?,
            channels: 1,
        }),
        (Samples::Whole { shape, values }, true) => {
            let numbers = |sample: Vec<i64>| sample.into_iter().map(|x| x as f32).collect();
            let numbers = Numbers {
                shape,
                values: values.into_iter().map(numbers).collect(),
                are_pixels: false,
            };
            numbers.fitted(path, input, normalize, remarks)
        }
        (Samples::Numbers { .. }, false) => Err(DataError::Kind {
            path: path.to_owned(),
            input: input.name.clone(),
            found: "numbers with fractions",
            wanted: "whole numbers, such as token ids",
        }),
    }
}

struct Numbers {
    shape: Vec<usize>,
    values: Vec<Vec<f32>>,
    are_pixels: bool,
}

impl Numbers {
    fn fitted(
        mut self,
        path: &Path,
        input: &InputSpec,
        normalize: Option<&Normalize>,
        remarks: &mut Vec<String>,
    ) -> Result<Fitted, DataError> {
        let broken = |sample: &Vec<f32>| sample.iter().any(|x| !x.is_finite());
        if let Some(sample) = self.values.iter().position(broken) {
            return Err(DataError::NotFinite {
                path: path.to_owned(),
                what: format!("the data for {:?}", input.name),
                sample,
            });
        }
        self.put_channels_first(input, remarks);
        self.normalize(path, normalize, remarks)?;
        let channels = self.channels();
        let shape = shape(path, &self.shape, input, remarks)?;
        Ok(Fitted {
            datum: Datum::Float(joined(shape, self.values)),
            channels,
        })
    }

    /// Features of a list, channels of an image; a matrix is an image of one channel.
    fn channels(&self) -> usize {
        match *self.shape {
            [first] | [first, _, _, ..] => first,
            _ => 1,
        }
    }

    /// `[height, width, channels]` where the input takes `[channels, height, width]`.
    fn put_channels_first(&mut self, input: &InputSpec, remarks: &mut Vec<String>) {
        let (Some([_, dims @ ..]), &[height, width, channels]) =
            (input.shape.as_deref(), &*self.shape)
        else {
            return;
        };
        let is_other = matches!(dims, [Dim::Known(first), _, _] if *first != height);
        let turned = [channels, height, width];
        if !is_other || !fits(&turned, dims) {
            return;
        }
        for sample in &mut self.values {
            let pixels = sample.chunks(channels.max(1));
            let by_channel = |channel: usize| pixels.clone().map(move |pixel| pixel[channel]);
            *sample = (0..channels).flat_map(by_channel).collect();
        }
        remarks.push(format!(
            "channels were last ({:?}) and are put first",
            self.shape
        ));
        self.shape = turned.to_vec();
    }

    fn normalize(
        &mut self,
        path: &Path,
        asked: Option<&Normalize>,
        remarks: &mut Vec<String>,
    ) -> Result<(), DataError> {
        let channels = self.channels();
        let default = match self.are_pixels {
            true => Normalize::of_pixels(if self.shape.len() > 2 { channels } else { 1 }),
            false => Normalize::Not,
        };
        let said = asked
            .unwrap_or(&default)
            .apply(&mut self.values, channels)
            .map_err(|stated| {
                DataError::content(
                    path,
                    format!(
                        "the normalization states {stated} channels, and the data have {channels}; \
                         give one value, or {channels}"
                    ),
                )
            })?;
        let of = if self.are_pixels {
            "pixels between 0 and 1"
        } else {
            "numbers"
        };
        remarks.extend(said.map(|said| format!("{of} are normalized: {said}")));
        Ok(())
    }
}

fn whole(
    path: &Path,
    own: Vec<usize>,
    values: Vec<Vec<i64>>,
    input: &InputSpec,
    remarks: &mut Vec<String>,
) -> Result<Datum<f32>, DataError> {
    if let Some(vocabulary) = input.vocabulary {
        let is_beyond = |id: i64| usize::try_from(id).map_or(true, |id| id >= vocabulary);
        for (sample, ids) in values.iter().enumerate() {
            if let Some(&id) = ids.iter().find(|&&id| is_beyond(id)) {
                return Err(DataError::Vocabulary {
                    path: path.to_owned(),
                    input: input.name.clone(),
                    id,
                    sample,
                    vocabulary,
                });
            }
        }
    }
    let shape = shape(path, &own, input, remarks)?;
    Ok(Datum::Whole(joined(shape, values)))
}

/// The shape of a sample in the input.
fn shape(
    path: &Path,
    own: &[usize],
    input: &InputSpec,
    remarks: &mut Vec<String>,
) -> Result<Vec<usize>, DataError> {
    let Some([_, dims @ ..]) = input.shape.as_deref() else {
        return Ok(own.to_vec());
    };
    if fits(own, dims) {
        return Ok(own.to_vec());
    }
    // The same elements in other axes: images as a list, a channel that is not written.
    let known: Option<Vec<usize>> = dims.iter().map(known).collect();
    let raised = match dims {
        [Dim::Known(1), rest @ ..] if fits(own, rest) => Some([&[1], own].concat()),
        _ => None,
    };
    let same_count =
        |shape: &Vec<usize>| shape.iter().product::<usize>() == own.iter().product::<usize>();
    match raised.or(known.filter(same_count)) {
        Some(shape) => {
            remarks.push(format!("each sample {own:?} is taken as {shape:?}"));
            Ok(shape)
        }
        None => Err(DataError::Shape {
            path: path.to_owned(),
            input: input.name.clone(),
            found: own.to_vec(),
            wanted: said(dims),
        }),
    }
}

pub(crate) fn known(dim: &Dim) -> Option<usize> {
    match dim {
        Dim::Known(size) => Some(*size),
        _ => None,
    }
}

fn fits(own: &[usize], dims: &[Dim]) -> bool {
    own.len() == dims.len()
        && own
            .iter()
            .zip(dims)
            .all(|(&own, dim)| known(dim).is_none_or(|size| size == own))
}

/// Sizes in words: `[3, height, width]`.
pub(crate) fn said(dims: &[Dim]) -> String {
    let size = |dim: &Dim| match dim {
        Dim::Known(size) => size.to_string(),
        Dim::Named(name) => name.clone(),
        Dim::Unknown => "?".to_owned(),
    };
    format!("[{}]", dims.iter().map(size).collect::<Vec<_>>().join(", "))
}

fn joined<T: Copy + Default>(shape: Vec<usize>, values: Vec<Vec<T>>) -> Array<T> {
    let shape = [&[values.len()], &*shape].concat();
    let joined = Array::new(&*shape, values.concat());
    joined.unwrap_or_else(|| Array::filled(shape, T::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(dims: &[Dim]) -> InputSpec {
        InputSpec {
            name: "x".to_owned(),
            takes_numbers: true,
            shape: Some([&[Dim::Unknown], dims].concat()),
            vocabulary: None,
        }
    }

    fn numbers(shape: &[usize], values: Vec<f32>) -> Samples {
        Samples::Numbers {
            shape: shape.to_vec(),
            values: vec![values],
            are_pixels: false,
        }
    }

    #[test]
    fn samples_are_spread_over_all() {
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 5), [0, 1, 2]);
        assert_eq!(spread(0, 5), [0usize; 0]);
    }

    #[test]
    fn a_matrix_has_one_mean() {
        let mut remarks = Vec::new();
        let samples = numbers(&[2, 2], vec![0.0, 2.0, 4.0, 6.0]);
        let (path, by) = (Path::new("x"), Some(&Normalize::OfData));
        let found = fitted(path, samples, &input(&[Dim::Known(4)]), by, &mut remarks).unwrap();
        let Datum::Float(array) = found.datum else {
            panic!()
        };
        let scale = 5f32.sqrt();
        let expected = [-3.0, -1.0, 1.0, 3.0].map(|x: f32| x / scale);
        assert!(
            array
                .data()
                .iter()
                .zip(expected)
                .all(|(x, y)| (x - y).abs() < 1e-6)
        );
    }

    #[test]
    fn shapes_are_brought_into_the_inputs() {
        let known = Dim::Known;
        let open = || Dim::Named("size".to_owned());
        let take = |samples, input: &InputSpec| {
            let mut remarks = Vec::new();
            let found = fitted(Path::new("x"), samples, input, None, &mut remarks)?;
            let Datum::Float(array) = found.datum else {
                panic!()
            };
            Ok::<_, DataError>((array.shape().to_vec(), array.into_data(), remarks.len()))
        };
        let four = vec![1.0, 2.0, 3.0, 4.0];
        let found = take(numbers(&[2, 2], four.clone()), &input(&[known(4)])).unwrap();
        assert_eq!(found, (vec![1, 4], four.clone(), 1));
        let image = input(&[known(1), open(), open()]);
        let found = take(numbers(&[2, 2], four.clone()), &image).unwrap();
        assert_eq!(found, (vec![1, 1, 2, 2], four.clone(), 1));
        let colours = input(&[known(2), open(), open()]);
        let found = take(numbers(&[1, 2, 2], four.clone()), &colours).unwrap();
        assert_eq!(found, (vec![1, 2, 1, 2], vec![1.0, 3.0, 2.0, 4.0], 1));
        let error = take(numbers(&[4], four), &input(&[known(5)])).unwrap_err();
        assert!(error.to_string().contains("[4]") && error.to_string().contains("[5]"));
        let error = take(numbers(&[1], vec![f32::NAN]), &input(&[known(1)])).unwrap_err();
        assert!(matches!(error, DataError::NotFinite { sample: 0, .. }));
    }
}
