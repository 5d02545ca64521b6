//! CIFAR's binary files: records of labels and 32 x 32 pixels in three channels.
//!
//! The format is stated at <https://www.cs.toronto.edu/~kriz/cifar.html>: CIFAR-10 has a byte for
//! the class, CIFAR-100 one for the coarse class and one for the fine one, which is taken.

use std::path::{Path, PathBuf};

use semilla_signal::Labels;

use crate::bytes::bytes;
use crate::error::DataError;
use crate::reading::Reading;
use crate::sample::{Found, Samples, check_size, spread};

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// Whether a file is named as CIFAR's are.
pub(crate) fn is_one(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "bin")
}

/// Whether such files lie in a folder.
pub(crate) fn are_in(folder: &Path) -> Result<bool, DataError> {
    Ok(!listed(folder)?.is_empty())
}

pub(crate) fn read(path: &Path, reading: &Reading) -> Result<Found, DataError> {
    let files = match path.is_dir() {
        true => listed(path)?,
        false => vec![path.to_owned()],
    };
    let mut records: Vec<(Vec<u8>, usize)> = Vec::new();
    for file in &files {
        let bytes = bytes(file)?;
        let labels = [1, 2].into_iter().find(|labels| {
            let record = labels + PIXELS;
            !bytes.is_empty() && bytes.len() % record == 0
        });
        let labels = labels.ok_or_else(|| {
            let problem = format!(
                "{} bytes are no whole number of CIFAR's records (3073 or 3074 bytes); fetch it again",
                bytes.len()
            );
            DataError::content(file, problem)
        })?;
        records.push((bytes, labels));
    }
    let all: Vec<(&[u8], usize)> = records
        .iter()
        .flat_map(|(bytes, labels)| {
            let records = bytes.chunks_exact(labels + PIXELS);
            records.map(move |record| (record, *labels))
        })
        .collect();
    let places = spread(all.len(), reading.samples);
    check_size(path, places.len(), &SHAPE)?;
    let pixels = |&place: &usize| -> Vec<f32> {
        let (record, labels) = all[place];
        record[labels..]
            .iter()
            .map(|&x| f32::from(x) / 255.0)
            .collect()
    };
    let class = |&place: &usize| {
        let (record, labels) = all[place];
        i64::from(record[labels - 1])
    };
    Ok(Found {
        samples: Samples::Numbers {
            shape: SHAPE.to_vec(),
            values: places.iter().map(pixels).collect(),
            are_pixels: true,
        },
        labels: Some(Labels::Classes(places.iter().map(class).collect())),
        remarks: vec![format!("CIFAR's records of {} files", files.len())],
    })
}

/// The files of a folder, by name.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(folder)?;
        entries.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = read().map_err(|error| DataError::Io {
        path: folder.to_owned(),
        error,
    })?;
    paths.retain(|path| is_one(path));
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_both_kinds() {
        let folder = tempfile::tempdir().unwrap();
        let record = |labels: &[u8], pixel: u8| [labels, &[pixel; PIXELS]].concat();
        let ten = folder.path().join("data_batch_1.bin");
        std::fs::write(&ten, [record(&[7], 255), record(&[2], 51)].concat()).unwrap();
        let hundred = folder.path().join("train.bin");
        std::fs::write(&hundred, record(&[3, 91], 0)).unwrap();
        let found = read(folder.path(), &Reading::default()).unwrap();
        assert_eq!(found.labels, Some(Labels::Classes(vec![7, 2, 91])));
        let Samples::Numbers { values, shape, .. } = found.samples else {
            panic!()
        };
        assert_eq!(
            (&*shape, values[0][0], values[1][9], values[2][0]),
            (&SHAPE[..], 1.0, 0.2, 0.0)
        );
        std::fs::write(&ten, &record(&[7], 1)[1..]).unwrap();
        let error = read(&ten, &Reading::default()).unwrap_err().to_string();
        assert!(error.contains("3072 bytes are no whole number"), "{error}");
    }
}
