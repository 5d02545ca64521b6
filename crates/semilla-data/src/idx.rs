//! The idx format, in which MNIST and its kin come: a type, sizes, and elements.

use std::path::{Path, PathBuf};

use semilla_signal::{InputSpec, Labels};

use crate::bytes::bytes;
use crate::error::DataError;
use crate::reading::Reading;
use crate::sample::{Found, Samples, check_size, spread};

/// Whether a file starts as an idx file does, packed or not.
pub(crate) fn is(path: &Path) -> Result<bool, DataError> {
    use std::io::Read;
    let open = || -> std::io::Result<Vec<u8>> {
        let mut start = Vec::new();
        std::fs::File::open(path)?.take(4).read_to_end(&mut start)?;
        if start.starts_with(&[0x1f, 0x8b]) {
            start.clear();
            flate2::read::GzDecoder::new(std::fs::File::open(path)?)
                .take(4)
                .read_to_end(&mut start)?;
        }
        Ok(start)
    };
    let start = open().map_err(|error| DataError::Io {
        path: path.to_owned(),
        error,
    })?;
    Ok(matches!(*start, [0, 0, 8 | 9 | 11..=14, 1..=8]))
}

/// Elements, and the shape that they are stored in.
struct Stored {
    shape: Vec<usize>,
    kind: u8,
    elements: Vec<u8>,
}

pub(crate) fn read(path: &Path, input: &InputSpec, reading: &Reading) -> Result<Found, DataError> {
    let stored = stored(path)?;
    let (all, rest) = stored
        .shape
        .split_first()
        .map_or((0, &[][..]), |(all, rest)| (*all, rest));
    let places = spread(all, reading.count(Some(input)));
    let size: usize = rest.iter().product();
    check_size(path, places.len(), rest)?;
    let are_pixels = stored.kind == 8 && !rest.is_empty();
    let scale = if are_pixels { 255.0 } else { 1.0 };
    let sample = |&place: &usize| -> Vec<f32> {
        (place * size..(place + 1) * size)
            .map(|i| stored.number(i) as f32 / scale)
            .collect()
    };
    let values = places.iter().map(sample).collect();
    // Images of one channel.
    let shape = match rest {
        [height, width] => vec![1, *height, *width],
        other => other.to_vec(),
    };
    let mut remarks = Vec::new();
    let labels = match labels_beside(path) {
        Some(beside) => {
            let labels = self::stored(&beside)?;
            if labels.shape != [all] {
                return Err(DataError::content(
                    &beside,
                    format!(
                        "its shape is {:?}, and there are {all} samples",
                        labels.shape
                    ),
                ));
            }
            remarks.push(format!("labels are those of {}", beside.display()));
            let class = |&place: &usize| labels.number(place) as i64;
            Some(Labels::Classes(places.iter().map(class).collect()))
        }
        None => None,
    };
    Ok(Found {
        samples: Samples::Numbers {
            shape,
            values,
            are_pixels,
        },
        labels,
        remarks,
    })
}

impl Stored {
    /// An element.
    fn number(&self, i: usize) -> f64 {
        let size = width(self.kind);
        let raw = &self.elements[i * size..(i + 1) * size];
        match (self.kind, raw) {
            (9, &[x]) => f64::from(x as i8),
            (11, &[a, b]) => f64::from(i16::from_be_bytes([a, b])),
            (12, &[a, b, c, d]) => f64::from(i32::from_be_bytes([a, b, c, d])),
            (13, &[a, b, c, d]) => f64::from(f32::from_be_bytes([a, b, c, d])),
            (14, &[a, b, c, d, e, f, g, h]) => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
            (_, raw) => raw.first().map_or(0.0, |&x| f64::from(x)),
        }
    }
}

/// Bytes of an element.
fn width(kind: u8) -> usize {
    match kind {
        11 => 2,
        12 | 13 => 4,
        14 => 8,
        _ => 1,
    }
}

fn stored(path: &Path) -> Result<Stored, DataError> {
    let bytes = bytes(path)?;
    let cut = || DataError::content(path, "it is cut short; fetch it again".to_owned());
    let &[0, 0, kind @ (8 | 9 | 11..=14), axes, ref rest @ ..] = &*bytes else {
        return Err(DataError::content(path, "it is no idx file".to_owned()));
    };
    let sizes = rest.get(..4 * usize::from(axes)).ok_or_else(cut)?;
    let size = |raw: &[u8]| u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]) as usize;
    let shape: Vec<usize> = sizes.chunks_exact(4).map(size).collect();
    let count = shape
        .iter()
        .try_fold(width(kind), |product, &size| product.checked_mul(size));
    let elements = &rest[sizes.len()..];
    match count == Some(elements.len()) {
        true => Ok(Stored {
            shape,
            kind,
            elements: elements.to_vec(),
        }),
        false => Err(cut()),
    }
}

/// The labels' file beside the images', as MNIST names both.
fn labels_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let labels = name.replace("images", "labels");
    if labels == name {
        return None;
    }
    ["idx1", "idx3"]
        .iter()
        .map(|axes| path.with_file_name(labels.replace("idx3", axes)))
        .find(|beside| beside.is_file())
}

#[cfg(test)]
mod tests {
    use semilla::graph::Dim;

    use super::*;

    #[test]
    fn pixels_and_labels() {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("train-images-idx3-ubyte");
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend([0, 255, 51, 102]);
        std::fs::write(&images, &bytes).unwrap();
        let labels = folder.path().join("train-labels-idx1-ubyte");
        std::fs::write(labels, [0, 0, 8, 1, 0, 0, 0, 2, 7, 3]).unwrap();
        assert!(is(&images).unwrap());
        let mut input = InputSpec {
            name: "x".to_owned(),
            takes_numbers: true,
            shape: None,
            vocabulary: None,
        };
        let found = read(&images, &input, &Reading::default()).unwrap();
        assert_eq!(found.labels, Some(Labels::Classes(vec![7, 3])));
        let Samples::Numbers { shape, values, .. } = found.samples else {
            panic!()
        };
        assert_eq!(
            (&*shape, &*values),
            (&[1, 1, 2][..], &[vec![0.0, 1.0], vec![0.2, 0.4]][..])
        );
        // As many samples as the input states.
        input.shape = Some(vec![Dim::Known(1), Dim::Known(2)]);
        let found = read(&images, &input, &Reading::default()).unwrap();
        assert_eq!(found.labels, Some(Labels::Classes(vec![7])));
        bytes.pop();
        std::fs::write(&images, &bytes).unwrap();
        assert!(read(&images, &input, &Reading::default()).is_err());
    }
}
