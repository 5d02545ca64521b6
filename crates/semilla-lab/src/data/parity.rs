//! Parity: the hardest function of a few bits for gradients to find.

use super::generated::{Generated, Parameters, wrong};
use super::random::Random;
use crate::error::LabError;

/// Random signs, of which the class is whether an odd number of the first `bits` is negative.
pub(crate) fn parity(text: &str, mut parameters: Parameters<'_>) -> Result<Generated, LabError> {
    let bits = parameters.take("bits", 4, (1, 1000))?;
    let inputs = parameters.take("inputs", bits, (1, 10_000))?;
    let samples = parameters.take("samples", 2000, (1, 10_000_000))?;
    let seed = parameters.take("seed", 0, (0, u64::MAX))?;
    parameters.end(&["bits", "inputs", "samples", "seed"])?;
    if inputs < bits {
        return Err(wrong(
            text,
            format!("inputs must be {bits} (the bits) or more"),
        ));
    }
    let mut random = Random::new(seed, "parity");
    let sample = |_| -> Vec<f32> {
        let sign = |_| if random.below(2) == 0 { 1.0 } else { -1.0 };
        (0..inputs).map(sign).collect()
    };
    let samples: Vec<Vec<f32>> = (0..samples).map(sample).collect();
    let class = |sample: &Vec<f32>| {
        let negative = sample[..bits].iter().filter(|&&sign| sign < 0.0);
        (negative.count() % 2) as i64
    };
    Ok(Generated {
        shape: vec![inputs],
        classes: samples.iter().map(class).collect(),
        samples,
        are_pixels: false,
    })
}
