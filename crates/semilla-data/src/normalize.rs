//! How numbers are centred and scaled.

use std::fmt;
use std::str::FromStr;

use semilla::number::rounded;

/// How numbers are centred and scaled, channel by channel.
#[derive(Clone, Debug, PartialEq)]
pub enum Normalize {
    /// Not at all.
    Not,
    /// By the mean and the standard deviation of the samples that were taken.
    OfData,
    /// `(x - mean) / std`, one pair for each channel, or one for all.
    By {
        /// The means.
        mean: Vec<f32>,
        /// The standard deviations, all positive.
        std: Vec<f32>,
    },
}

/// A text that does not say how to normalize.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no normalization; write none, data, imagenet, or MEAN/STD such as 0.5/0.5 or 0.1,0.2,0.3/1,1,1"
)]
pub struct ParseNormalizeError(String);

impl Normalize {
    /// The statistics of ImageNet's pixels between 0 and 1, which most image models expect.
    pub fn imagenet() -> Self {
        Self::By {
            mean: vec![0.485, 0.456, 0.406],
            std: vec![0.229, 0.224, 0.225],
        }
    }

    /// What pixels between 0 and 1 get if nothing else is asked for: ImageNet's statistics for
    /// three channels, (x - 0.5) / 0.5 otherwise.
    pub(crate) fn of_pixels(channels: usize) -> Self {
        match channels {
            3 => Self::imagenet(),
            _ => Self::By {
                mean: vec![0.5],
                std: vec![0.5],
            },
        }
    }

    /// The means and deviations for these channels of samples `[channel, place...]`, where they
    /// are not left alone; `Err` holds the channels that are stated instead.
    fn pairs(&self, samples: &[Vec<f32>], channels: usize) -> Result<Vec<(f32, f32)>, usize> {
        match self {
            Normalize::Not => Ok(Vec::new()),
            Normalize::OfData => Ok((0..channels)
                .map(|channel| moments(samples, channel, channels))
                .collect()),
            Normalize::By { mean, std } => {
                let pick = |values: &[f32], channel: usize| match values {
                    [one] => Some(*one),
                    many if many.len() == channels => many.get(channel).copied(),
                    _ => None,
                };
                let pair = |channel| Some((pick(mean, channel)?, pick(std, channel)?));
                let pairs: Option<Vec<_>> = (0..channels).map(pair).collect();
                pairs.ok_or(mean.len().max(std.len()))
            }
        }
    }

    /// Normalizes samples `[channel, place...]` in place, and says how.
    pub(crate) fn apply(
        &self,
        samples: &mut [Vec<f32>],
        channels: usize,
    ) -> Result<Option<String>, usize> {
        let pairs = self.pairs(samples, channels)?;
        if pairs.is_empty() {
            return Ok(None);
        }
        for sample in samples.iter_mut() {
            let places = (sample.len() / channels.max(1)).max(1);
            for (channel, values) in sample.chunks_mut(places).enumerate() {
                let (mean, std) = pairs[channel.min(pairs.len() - 1)];
                values.iter_mut().for_each(|x| *x = (*x - mean) / std);
            }
        }
        Ok(Some(said(&pairs)))
    }
}

/// The mean and the deviation of one channel; 1 where it is constant.
fn moments(samples: &[Vec<f32>], channel: usize, channels: usize) -> (f32, f32) {
    let values = || {
        samples.iter().flat_map(move |sample| {
            let places = (sample.len() / channels.max(1)).max(1);
            sample.iter().skip(channel * places).take(places)
        })
    };
    let count = values().count().max(1) as f64;
    let mean = values().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares: f64 = values().map(|&x| (f64::from(x) - mean).powi(2)).sum();
    let std = (squares / count).sqrt();
    (mean as f32, if std > 0.0 { std as f32 } else { 1.0 })
}

fn said(pairs: &[(f32, f32)]) -> String {
    const SHOWN: usize = 4;
    let is_same = pairs.iter().all(|pair| *pair == pairs[0]);
    let number = |value: f32| rounded((f64::from(value) * 1e4).round() / 1e4);
    let list = |of: fn(&(f32, f32)) -> f32| -> String {
        let numbers: Vec<String> = pairs.iter().map(|pair| number(of(pair))).collect();
        numbers.join(", ")
    };
    match pairs.len() {
        _ if is_same => format!("(x - {}) / {}", number(pairs[0].0), number(pairs[0].1)),
        few if few <= SHOWN => format!("(x - ({})) / ({})", list(|p| p.0), list(|p| p.1)),
        many => format!("each of {many} features by its own mean and deviation"),
    }
}

impl FromStr for Normalize {
    type Err = ParseNormalizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseNormalizeError(text.chars().take(80).collect());
        let numbers = |text: &str| -> Option<Vec<f32>> {
            let parsed = text.split(',').map(|number| number.trim().parse().ok());
            parsed
                .collect::<Option<Vec<f32>>>()
                .filter(|numbers| numbers.iter().all(|number| number.is_finite()))
        };
        match text {
            "none" => Ok(Self::Not),
            "data" => Ok(Self::OfData),
            "imagenet" => Ok(Self::imagenet()),
            _ => {
                let (mean, std) = text.split_once('/').ok_or_else(wrong)?;
                let (mean, std) = numbers(mean).zip(numbers(std)).ok_or_else(wrong)?;
                let is_right = std.iter().all(|&std| std > 0.0)
                    && (mean.len() == std.len() || mean.len() == 1 || std.len() == 1);
                is_right.then_some(Self::By { mean, std }).ok_or_else(wrong)
            }
        }
    }
}

impl fmt::Display for Normalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Normalize::Not => f.write_str("none"),
            Normalize::OfData => f.write_str("data"),
            Normalize::By { mean, std } => {
                let list = |values: &[f32]| {
                    let texts: Vec<String> = values.iter().map(f32::to_string).collect();
                    texts.join(",")
                };
                write!(f, "{}/{}", list(mean), list(std))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_normalized_each_by_its_own() {
        let mut samples = vec![vec![1.0, 3.0, 10.0, 10.0], vec![5.0, 7.0, 10.0, 30.0]];
        let said = Normalize::OfData.apply(&mut samples, 2).unwrap().unwrap();
        let of = |channel: usize| -> Vec<f64> {
            let values = samples
                .iter()
                .flat_map(|sample| &sample[2 * channel..][..2]);
            values.map(|&x| f64::from(x)).collect()
        };
        for channel in [of(0), of(1)] {
            let mean = channel.iter().sum::<f64>() / 4.0;
            let square = channel.iter().map(|x| x * x).sum::<f64>() / 4.0;
            assert!(
                mean.abs() < 1e-6 && (square - 1.0).abs() < 1e-6,
                "{channel:?}"
            );
        }
        assert_eq!(said, "(x - (4, 15)) / (2.2361, 8.6603)");
        // Four channels are not ImageNet's three.
        assert_eq!(Normalize::imagenet().apply(&mut samples, 4), Err(3));
    }

    #[test]
    fn texts() {
        for text in ["none", "data", "0.5/0.25", "0.1,0.2/1,2"] {
            assert_eq!(text.parse::<Normalize>().unwrap().to_string(), text);
        }
        for text in ["", "0.5", "0.5/0", "1/-1", "a/b", "1,2/1,2,3", "nan/1"] {
            assert!(text.parse::<Normalize>().is_err(), "{text}");
        }
    }
}
