//! PNG and JPEG files.

use std::io::{self, BufRead, Cursor, Seek};
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};
use semilla::graph::Dim;
use semilla_signal::{InputSpec, Labels};

use crate::error::DataError;
use crate::reading::Reading;
use crate::sample::{Found, Samples, check_size, known, said, spread};
use crate::table::Table;

/// Files in a folder and its subfolders, at most.
const FILES: usize = 1 << 22;
/// The most bytes that one image may take when it is decoded, and the most pixels of a side.
const IMAGE_BYTES: u64 = 1 << 30;
const SIDE: u32 = 1 << 15;

/// Whether a file is an image, by its name.
pub(crate) fn is_one(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["png", "jpg", "jpeg"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Whether images lie in a folder, or in a folder in it.
pub(crate) fn are_in(folder: &Path) -> Result<bool, DataError> {
    Ok(!listed(folder, 1)?.is_empty())
}

/// An image's file, and the subfolder that it lies in.
struct File {
    path: PathBuf,
    class: Option<String>,
}

pub(crate) fn read(path: &Path, input: &InputSpec, reading: &Reading) -> Result<Found, DataError> {
    let [channels, height, width] = size(path, input)?;
    let files = match path.is_dir() {
        true => listed(path, FILES)?,
        false => vec![File {
            path: path.to_owned(),
            class: None,
        }],
    };
    let places = spread(files.len(), reading.count(Some(input)));
    check_size(path, places.len(), &[channels, height, width])?;
    let opened = places.iter().map(|&place| opened(&files[place].path));
    let (samples, mut remarks) = sized(opened, [channels, height, width])?;
    let labels = labels(&files, &places, &mut remarks);
    Ok(Found {
        samples,
        labels,
        remarks,
    })
}

/// The images of a table, each a file in memory, with the labels of its other columns.
pub(crate) fn of_table(
    path: &Path,
    files: &[&[u8]],
    table: &Table,
    input: &InputSpec,
    reading: &Reading,
) -> Result<Found, DataError> {
    let size = size(path, input)?;
    let places = spread(files.len(), reading.count(Some(input)));
    check_size(path, places.len(), &size)?;
    let decoded = |&place: &usize| decoded(path, ImageReader::new(Cursor::new(files[place])));
    let (samples, mut remarks) = sized(places.iter().map(decoded), size)?;
    let label = table.label(path, reading)?;
    let labels = label.map(|column| table.labels(path, column, &places, &mut remarks));
    Ok(Found {
        samples,
        labels: labels.transpose()?,
        remarks,
    })
}

/// Images in one size, and a sentence about that.
fn sized(
    images: impl Iterator<Item = Result<DynamicImage, DataError>>,
    [channels, height, width]: [usize; 3],
) -> Result<(Samples, Vec<String>), DataError> {
    let values = images.map(|image| Ok(pixels(&image?, [channels, height, width])));
    let samples = Samples::Numbers {
        shape: vec![channels, height, width],
        values: values.collect::<Result<_, DataError>>()?,
        are_pixels: true,
    };
    let remark =
        format!("images are resized and cropped to {height} x {width}, {channels} channels first");
    Ok((samples, vec![remark]))
}

/// Channels, height and width that an input takes.
fn size(path: &Path, input: &InputSpec) -> Result<[usize; 3], DataError> {
    if !input.takes_numbers {
        return Err(DataError::Kind {
            path: path.to_owned(),
            input: input.name.clone(),
            found: "images",
            wanted: "whole numbers, such as token ids",
        });
    }
    let dims = input.shape.as_deref().unwrap_or_default();
    let found = match dims {
        [_, Dim::Known(all)] => squares(*all),
        [_, channels, height, width] => {
            let sizes = [known(channels), known(height), known(width)];
            match sizes {
                [Some(channels @ 1..=4), Some(height), Some(width)] => {
                    Some([channels, height, width])
                }
                _ => None,
            }
        }
        _ => None,
    };
    found.ok_or_else(|| DataError::content(path, format!(
            "images need an input of [samples, channels, height, width] with 1 to 4 channels, and \
             {:?} is {}; give open sizes, such as --size height=64 --size width=64",
            input.name,
            said(dims)
        )))
}

/// An image that is stored as a list: of one channel or of three, and square.
fn squares(all: usize) -> Option<[usize; 3]> {
    [1, 3].into_iter().find_map(|channels| {
        let side = (all / channels).isqrt();
        (channels * side * side == all).then_some([channels, side, side])
    })
}

/// The images of a folder and of the folders in it, by name; no more than `most`.
fn listed(folder: &Path, most: usize) -> Result<Vec<File>, DataError> {
    let entries = |folder: &Path| -> Result<Vec<PathBuf>, DataError> {
        let read = || -> io::Result<Vec<PathBuf>> {
            let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
            paths.take(FILES).collect()
        };
        let mut paths = read().map_err(|error| DataError::Io {
            path: folder.to_owned(),
            error,
        })?;
        paths.sort_unstable();
        Ok(paths)
    };
    let mut found = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            let class = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let images = entries(&path)?.into_iter().filter(|path| is_one(path));
            found.extend(images.map(|path| File {
                path,
                class: class.clone(),
            }));
        } else if is_one(&path) {
            found.push(File { path, class: None });
        }
        if found.len() >= most {
            found.truncate(most);
            break;
        }
    }
    Ok(found)
}

/// Whether bytes are those of an image's file.
pub(crate) fn is_file(bytes: &[u8]) -> bool {
    image::guess_format(bytes).is_ok_and(|format| format.reading_enabled())
}

fn opened(path: &Path) -> Result<DynamicImage, DataError> {
    let reader = ImageReader::open(path).map_err(|error| DataError::Io {
        path: path.to_owned(),
        error,
    })?;
    decoded(path, reader)
}

/// Decodes an image within limits.
fn decoded<R: BufRead + Seek>(
    path: &Path,
    reader: ImageReader<R>,
) -> Result<DynamicImage, DataError> {
    let failed = |error| DataError::Io {
        path: path.to_owned(),
        error,
    };
    let mut reader = reader.with_guessed_format().map_err(failed)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(IMAGE_BYTES);
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE), Some(SIDE));
    reader.limits(limits);
    reader.decode().map_err(|error| DataError::Image {
        path: path.to_owned(),
        error,
    })
}

/// Pixels between 0 and 1, channels first. The image is scaled until it covers the size, and its
/// middle is taken.
fn pixels(image: &DynamicImage, [channels, height, width]: [usize; 3]) -> Vec<f32> {
    let fitted = image.resize_to_fill(width as u32, height as u32, FilterType::Triangle);
    let raw = match channels {
        1 => fitted.to_luma8().into_raw(),
        2 => fitted.to_luma_alpha8().into_raw(),
        3 => fitted.to_rgb8().into_raw(),
        _ => fitted.to_rgba8().into_raw(),
    };
    let channel = |channel: usize| raw.iter().skip(channel).step_by(channels);
    (0..channels)
        .flat_map(channel)
        .map(|&x| f32::from(x) / 255.0)
        .collect()
}

/// The subfolders as classes, in the order of their names.
fn labels(files: &[File], taken: &[usize], remarks: &mut Vec<String>) -> Option<Labels> {
    let mut classes: Vec<&str> = files
        .iter()
        .map(|file| file.class.as_deref())
        .collect::<Option<_>>()?;
    classes.sort_unstable();
    classes.dedup();
    if classes.len() < 2 {
        return None;
    }
    remarks.push(format!(
        "labels are the {} subfolders, by name",
        classes.len()
    ));
    let class = |&place: &usize| {
        let own = files[place].class.as_deref()?;
        classes.binary_search(&own).ok().map(|class| class as i64)
    };
    taken
        .iter()
        .map(class)
        .collect::<Option<_>>()
        .map(Labels::Classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn input(dims: &[usize]) -> InputSpec {
        let known = dims.iter().map(|&size| Dim::Known(size));
        InputSpec {
            name: "x".to_owned(),
            takes_numbers: true,
            shape: Some([Dim::Unknown].into_iter().chain(known).collect()),
            vocabulary: None,
        }
    }

    #[test]
    fn a_folder_of_classes() {
        let folder = tempfile::tempdir().unwrap();
        for (class, colour) in [("blue", [0, 0, 255]), ("red", [255, 0, 0])] {
            std::fs::create_dir(folder.path().join(class)).unwrap();
            for name in ["a.png", "b.JPG"] {
                let image = RgbImage::from_pixel(20, 10, Rgb(colour));
                let path = folder.path().join(class).join(name);
                let format = match name {
                    "a.png" => image::ImageFormat::Png,
                    _ => image::ImageFormat::Jpeg,
                };
                image.save_with_format(path, format).unwrap();
            }
        }
        std::fs::write(folder.path().join("notes.md"), "not an image").unwrap();
        assert!(are_in(folder.path()).unwrap());
        let found = read(folder.path(), &input(&[3, 4, 6]), &Reading::default()).unwrap();
        assert_eq!(found.labels, Some(Labels::Classes(vec![0, 0, 1, 1])));
        let Samples::Numbers { shape, values, .. } = found.samples else {
            panic!()
        };
        assert_eq!(shape, [3, 4, 6]);
        // The first is blue, the last channel.
        assert_eq!(values[0], [vec![0.0; 48], vec![1.0; 24]].concat());
        assert!(values[3][0] > 0.9 && values[3][30] < 0.1, "red, as JPEG");

        let error = read(folder.path(), &input(&[7, 4, 6]), &Reading::default()).unwrap_err();
        assert!(error.to_string().contains("1 to 4 channels"));
        std::fs::write(folder.path().join("blue/a.png"), b"\x89PNG no more").unwrap();
        let error = read(folder.path(), &input(&[3, 4, 6]), &Reading::default()).unwrap_err();
        assert!(matches!(error, DataError::Image { .. }), "{error}");
    }

    #[test]
    fn lists_are_squares() {
        assert_eq!(squares(784), Some([1, 28, 28]));
        assert_eq!(squares(3072), Some([3, 32, 32]));
        assert_eq!(squares(50), None);
    }
}
