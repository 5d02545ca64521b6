//! Handwritten digits (see `data/NOTICE`).

use std::io::Read;

use flate2::read::DeflateDecoder;

use super::generated::{Generated, Parameters};
use crate::error::LabError;

const PACKED: &[u8] = include_bytes!("../../data/digits.deflate");
const COUNT: usize = 1797;
const PIXELS: usize = 64;
/// The greatest value of a pixel.
const WHITE: f32 = 16.0;

/// 1797 images of 8 × 8 pixels between 0 and 1.
pub(crate) fn digits(parameters: Parameters<'_>) -> Result<Generated, LabError> {
    parameters.end(&[])?;
    let mut bytes = Vec::with_capacity(COUNT * (PIXELS + 1));
    // What is in the binary can be unpacked; a test does it.
    let _ = DeflateDecoder::new(PACKED).read_to_end(&mut bytes);
    bytes.resize(COUNT * (PIXELS + 1), 0);
    let (images, labels) = bytes.split_at(COUNT * PIXELS);
    let image = |pixels: &[u8]| pixels.iter().map(|&x| f32::from(x) / WHITE).collect();
    Ok(Generated {
        shape: vec![1, 8, 8],
        samples: images.chunks(PIXELS).map(image).collect(),
        classes: labels.iter().map(|&label| label.into()).collect(),
        are_pixels: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_there() {
        let mut bytes = Vec::new();
        DeflateDecoder::new(PACKED).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), COUNT * (PIXELS + 1));
        let digits = digits(Parameters::read("digits").unwrap()).unwrap();
        let count = |class: i64| digits.classes.iter().filter(|&&own| own == class).count();
        // The numbers of each class as the source states them.
        let expected = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(count), expected);
        let pixels = digits.samples.iter().flatten();
        assert!(pixels.clone().all(|pixel| (0.0..=1.0).contains(pixel)));
        let mean = pixels.map(|&pixel| f64::from(pixel) * 16.0).sum::<f64>() / 115_008.0;
        assert!((mean - 4.8842).abs() < 1e-4, "{mean}");
    }
}
