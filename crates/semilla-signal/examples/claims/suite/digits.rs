//! Handwritten digits (see `data/NOTICE`).

use semilla_signal::Array;

/// Images with their classes.
pub(crate) struct Digits {
    images: Vec<[f32; 64]>,
    labels: Vec<usize>,
}

/// The images at some places, and their classes.
pub(crate) type Batch<T> = (Array<T>, Vec<usize>);

impl Digits {
    /// All 1797, shuffled; pixels of mean 0 and variance 1.
    pub(crate) fn all() -> Self {
        const FILE: &[u8] = include_bytes!("../../../data/digits.safetensors");
        const COUNT: usize = 1797;
        let header = u64::from_le_bytes(FILE[..8].try_into().expect("a header's size")) as usize;
        let (images, labels) = FILE[8 + header..].split_at(COUNT * 64);
        let values = images.iter().map(|&pixel| f64::from(pixel));
        let mean = values.clone().sum::<f64>() / images.len() as f64;
        let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / images.len() as f64;
        let pixel = |&pixel: &u8| ((f64::from(pixel) - mean) / variance.sqrt()) as f32;
        // 1009 and 1797 have no factor in common.
        let order = (0..COUNT).map(|place| place * 1009 % COUNT);
        let image = |place: usize| -> [f32; 64] {
            let own = &images[place * 64..][..64];
            std::array::from_fn(|at| pixel(&own[at]))
        };
        Self {
            images: order.clone().map(image).collect(),
            labels: order.map(|place| usize::from(labels[place])).collect(),
        }
    }

    /// Images for training; the others are for the test.
    pub(crate) const TRAINING: usize = 1400;

    /// The next so many of the training images, of the batch of this number.
    pub(crate) fn batch<T: semilla_signal::Real>(&self, number: usize, size: usize) -> Batch<T> {
        let places = (0..size).map(|at| (number * size + at) % Self::TRAINING);
        self.at(places)
    }

    /// The images of the test.
    pub(crate) fn test<T: semilla_signal::Real>(&self) -> Batch<T> {
        self.at(Self::TRAINING..self.images.len())
    }

    fn at<T: semilla_signal::Real>(&self, places: impl Iterator<Item = usize>) -> Batch<T> {
        let places: Vec<usize> = places.collect();
        let pixels = places.iter().flat_map(|&place| self.images[place]);
        let pixels: Vec<T> = pixels.map(|x| T::of(x.into())).collect();
        let labels = places.iter().map(|&place| self.labels[place]).collect();
        let images = Array::new([places.len(), 64], pixels).expect("64 pixels an image");
        (images, labels)
    }

    /// Images of 4 × 4 pixels: means of four neighbours each.
    pub(crate) fn halved<T: semilla_signal::Real>(images: &Array<T>) -> Array<T> {
        let quarter = T::of(0.25);
        let halved = images.data().chunks(64).flat_map(|image| {
            (0..16).map(move |at| {
                let corner = at / 4 * 16 + at % 4 * 2;
                let four = [corner, corner + 1, corner + 8, corner + 9];
                four.into_iter().map(|at| image[at]).sum::<T>() * quarter
            })
        });
        let data: Vec<T> = halved.collect();
        Array::new([images.shape()[0], 16], data).expect("16 pixels an image")
    }
}
