//! All samples of a problem, and batches of them.

use semilla_data::Data;
use semilla_signal::{Array, Datum, Labels};

/// The inputs of a network by their names, and what it should answer.
pub(crate) type Batch = (Vec<(String, Datum<f32>)>, Labels);

/// All samples, as they were read.
pub(crate) struct Samples {
    inputs: Vec<Input>,
    labels: Labels,
    pub(crate) count: usize,
}

/// One input of all samples.
struct Input {
    name: String,
    values: Datum<f32>,
    /// The equal parts of each sample that have a scale of their own.
    channels: usize,
}

/// What brings each channel of each input to mean 0 and deviation 1.
pub(crate) struct Scales(Vec<Vec<Scale>>);

#[derive(Clone, Copy)]
struct Scale {
    mean: f32,
    factor: f32,
}

impl Samples {
    /// The samples of data with labels.
    pub(crate) fn new(data: Data, labels: Labels) -> Self {
        let channels = data.channels;
        let input = |(name, values): (String, Datum<f32>)| Input {
            channels: channels.get(&name).copied().unwrap_or(1).max(1),
            name,
            values,
        };
        Self {
            inputs: data.inputs.into_iter().map(input).collect(),
            labels,
            count: data.samples,
        }
    }

    /// The labels that are classes: one for each sample, if there is one.
    pub(crate) fn classes(&self) -> Option<&[i64]> {
        match &self.labels {
            Labels::Classes(classes) if classes.len() == self.count => Some(classes),
            _ => None,
        }
    }

    /// The first label that is none of so many classes, with its sample.
    pub(crate) fn beyond(&self, classes: usize) -> Option<(usize, i64)> {
        let Labels::Classes(labels) = &self.labels else {
            return None;
        };
        // The last place of a text has no next token, which counts as -1.
        let each = labels.len() / self.count.max(1);
        let least = if each == 1 { 0 } else { -1 };
        let is_beyond = |label: i64| label < least || label >= classes as i64;
        let place = labels.iter().position(|&label| is_beyond(label))?;
        Some((place / each.max(1), labels[place]))
    }

    /// The samples of some classes, which are numbered in this order.
    pub(crate) fn of_classes(&self, classes: &[u32]) -> Result<Self, String> {
        let labels = self.classes();
        let labels = labels.ok_or("`classes` needs data with one class for each sample")?;
        if let Some(twice) = (1..classes.len()).find(|&i| classes[..i].contains(&classes[i])) {
            return Err(format!(
                "the class {} is named twice; give each once",
                classes[twice]
            ));
        }
        if let [only] = classes {
            return Err(format!(
                "the class {only} alone leaves nothing to tell apart; give two classes or more"
            ));
        }
        let number = |label: i64| classes.iter().position(|&class| i64::from(class) == label);
        if let Some(&none) = classes
            .iter()
            .find(|&&class| !labels.contains(&class.into()))
        {
            return Err(format!("no sample is of the class {none}"));
        }
        let places: Vec<usize> = (0..self.count)
            .filter(|&place| number(labels[place]).is_some())
            .collect();
        let own = places.iter().filter_map(|&place| number(labels[place]));
        let inputs = self.inputs.iter().map(|input| Input {
            name: input.name.clone(),
            values: match &input.values {
                Datum::Float(array) => Datum::Float(rows(array, &places)),
                Datum::Whole(array) => Datum::Whole(rows(array, &places)),
            },
            channels: input.channels,
        });
        Ok(Self {
            labels: Labels::Classes(own.map(|class| class as i64).collect()),
            inputs: inputs.collect(),
            count: places.len(),
        })
    }

    /// The scales that make some samples standard.
    pub(crate) fn scales(&self, places: &[usize]) -> Scales {
        Scales(
            self.inputs
                .iter()
                .map(|input| input.scales(places))
                .collect(),
        )
    }

    /// Some samples.
    pub(crate) fn batch(&self, places: &[usize], Scales(scales): &Scales) -> Batch {
        let inputs = self.inputs.iter().zip(scales);
        let inputs = inputs.map(|(input, scales)| {
            let datum = match &input.values {
                Datum::Whole(array) => Datum::Whole(rows(array, places)),
                Datum::Float(array) => {
                    let mut rows = rows(array, places);
                    input.normalize(rows.data_mut(), scales, places.len());
                    Datum::Float(rows)
                }
            };
            (input.name.clone(), datum)
        });
        let labels = match &self.labels {
            Labels::Values(values) => Labels::Values(rows(values, places)),
            Labels::Classes(classes) => {
                let each = classes.len() / self.count.max(1);
                let own = places
                    .iter()
                    .flat_map(|place| &classes[place * each..][..each]);
                Labels::Classes(own.copied().collect())
            }
        };
        (inputs.collect(), labels)
    }
}

impl Input {
    fn scales(&self, places: &[usize]) -> Vec<Scale> {
        let Datum::Float(array) = &self.values else {
            return Vec::new();
        };
        let part = part(array) / self.channels;
        let all = self.channels * part;
        let scale = |channel: usize| {
            let values = || {
                let own = |&place: &usize| &array.data()[place * all + channel * part..][..part];
                places.iter().flat_map(own).map(|&x| f64::from(x))
            };
            let count = (places.len() * part).max(1) as f64;
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            // A constant channel carries nothing, and becomes 0.
            let factor = if variance > 0.0 {
                1.0 / variance.sqrt()
            } else {
                1.0
            };
            Scale {
                mean: mean as f32,
                factor: factor as f32,
            }
        };
        (0..self.channels).map(scale).collect()
    }

    fn normalize(&self, rows: &mut [f32], scales: &[Scale], count: usize) {
        let part = rows.len() / (count * self.channels).max(1);
        let scaled = |x: f32, scale: &Scale| (x - scale.mean) * scale.factor;
        // A feature is a channel of one element: a sample at a time goes through whole registers.
        if part == 1 {
            for sample in rows.chunks_mut(self.channels) {
                let features = sample.iter_mut().zip(scales);
                features.for_each(|(x, scale)| *x = scaled(*x, scale));
            }
            return;
        }
        let parts = rows.chunks_mut(part.max(1)).zip(scales.iter().cycle());
        for (part, scale) in parts {
            part.iter_mut().for_each(|x| *x = scaled(*x, scale));
        }
    }
}

/// The elements of one sample.
fn part<T: Copy>(array: &Array<T>) -> usize {
    array.shape().get(1..).unwrap_or_default().iter().product()
}

/// Some rows of the first axis.
fn rows<T: Copy + Default>(array: &Array<T>, places: &[usize]) -> Array<T> {
    let part = part(array);
    let mut shape = array.shape().to_vec();
    if let Some(first) = shape.first_mut() {
        *first = places.len();
    }
    let mut rows = Vec::with_capacity(places.len() * part);
    for place in places {
        rows.extend_from_slice(&array.data()[place * part..][..part]);
    }
    Array::new(&*shape, rows).unwrap_or_else(|| Array::filled(shape, T::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_normalized_by_the_training_samples() {
        let values = Array::new([3, 2], vec![1.0, 10.0, 3.0, 10.0, 7.0, 30.0]).unwrap();
        let data = Data {
            inputs: vec![("x".to_owned(), Datum::Float(values))],
            labels: None,
            samples: 3,
            channels: [("x".to_owned(), 2)].into(),
            remarks: Vec::new(),
        };
        let samples = Samples::new(data, Labels::Classes(vec![4, 5, 6]));
        // Means 2 and 10, deviations 1 and none.
        let scales = samples.scales(&[0, 1]);
        let (inputs, labels) = samples.batch(&[2, 0], &scales);
        let Datum::Float(array) = &inputs[0].1 else {
            panic!()
        };
        assert_eq!(
            (array.shape(), array.data()),
            (&[2, 2][..], &[5.0, 20.0, -1.0, 0.0][..])
        );
        assert_eq!(labels, Labels::Classes(vec![6, 4]));
    }
}
