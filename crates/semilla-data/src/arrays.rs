//! Arrays of NumPy and safetensors files.

use std::collections::BTreeMap;
use std::path::Path;

use semilla::DType;
use semilla_checkpoint::{Checkpoint, Remark, TensorInfo, open};
use semilla_signal::{Array, Datum, InputSpec, Labels};

use crate::error::DataError;
use crate::place::place;
use crate::reading::{Data, Reading};
use crate::sample::{Samples, check_size, fitted, spread};

/// Names under which labels are found.
const LABELS: [&str; 6] = ["labels", "label", "targets", "target", "y", "y_train"];

/// Whether files of arrays lie in a folder, by their names.
pub(crate) fn are_in(folder: &Path) -> bool {
    let is_one = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| ["npy", "npz", "safetensors"].contains(&extension))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| is_one(&path))
}

/// Every input's array, by its name. One array for one input needs no name.
pub(crate) fn read(path: &Path, specs: &[InputSpec], reading: &Reading) -> Result<Data, DataError> {
    let file = open(path)?;
    let label = label(&*file, path, specs, reading)?;
    let mut places = Vec::new();
    for spec in specs {
        places.push((of_input(&*file, path, spec, specs, label)?, spec));
    }
    let rows = |at: usize| file.tensors()[at].shape().first().copied().unwrap_or(0);
    let all = places
        .iter()
        .map(|&(at, _)| rows(at))
        .chain(label.map(rows));
    let (least, most) = (all.clone().min().unwrap_or(0), all.max().unwrap_or(0));
    if least != most {
        let problem = format!(
            "its arrays have between {least} and {most} samples along their first axes; they \
             must agree"
        );
        return Err(DataError::content(path, problem));
    }
    let taken = spread(least, reading.count(specs.first()));
    let mut remarks = Vec::new();
    let mut inputs = Vec::new();
    let mut channels = BTreeMap::new();
    for (at, spec) in places {
        let samples = samples(&*file, path, at, &taken)?;
        let normalize = reading.normalize.as_ref();
        let found = fitted(path, samples, spec, normalize, &mut remarks)?;
        channels.insert(spec.name.clone(), found.channels);
        inputs.push((spec.name.clone(), found.datum));
    }
    let labels = label
        .map(|at| labels(&*file, path, at, &taken))
        .transpose()?;
    Ok(Data {
        inputs,
        labels,
        samples: taken.len(),
        channels,
        remarks,
    })
}

/// The array of an input.
fn of_input(
    file: &dyn Checkpoint,
    path: &Path,
    spec: &InputSpec,
    specs: &[InputSpec],
    label: Option<usize>,
) -> Result<usize, DataError> {
    if let Some(at) = file.tensors().index_of(&spec.name) {
        return Ok(at);
    }
    let mut others = (0..file.tensors().len()).filter(|&at| Some(at) != label);
    if let (1, Some(only), None) = (specs.len(), others.next(), others.next()) {
        return Ok(only);
    }
    // The error that lists all inputs is the better one where none is there.
    if file.tensors().len() == 1 {
        place(path, specs)?;
    }
    let problem = format!("it has no array {:?}, which the model takes", spec.name);
    Err(DataError::content(
        path,
        problem + &left_out(file, &spec.name),
    ))
}

/// The array of labels.
fn label(
    file: &dyn Checkpoint,
    path: &Path,
    specs: &[InputSpec],
    reading: &Reading,
) -> Result<Option<usize>, DataError> {
    if let Some(name) = &reading.labels {
        let found = file.tensors().index_of(name);
        return found.map(Some).ok_or_else(|| {
            let problem = format!("it has no array {name:?} for the labels");
            DataError::content(path, problem + &left_out(file, name))
        });
    }
    let is_input = |name: &str| specs.iter().any(|spec| spec.name == name);
    let mut named = LABELS.iter().filter(|name| !is_input(name));
    if let Some(at) = named.clone().find_map(|name| file.tensors().index_of(name)) {
        return Ok(Some(at));
    }
    // An array of labels that is there, and cannot be read.
    match named.find_map(|name| unreadable(file, name)) {
        Some(why) => Err(DataError::content(
            path,
            format!("its labels cannot be read: {why}"),
        )),
        None => Ok(None),
    }
}

/// Why an array of this name was left out, if it was.
fn unreadable<'a>(file: &'a dyn Checkpoint, name: &str) -> Option<&'a str> {
    file.remarks().iter().find_map(|remark| match remark {
        Remark::Unreadable { name: own, problem } if own == name => Some(&**problem),
        _ => None,
    })
}

/// The same behind an error.
fn left_out(file: &dyn Checkpoint, name: &str) -> String {
    unreadable(file, name).map_or(String::new(), |why| format!(": it was left out, {why}"))
}

/// Some samples of an array.
fn samples(
    file: &dyn Checkpoint,
    path: &Path,
    at: usize,
    taken: &[usize],
) -> Result<Samples, DataError> {
    let info = &file.tensors()[at];
    let shape = info.shape().get(1..).unwrap_or_default().to_vec();
    if !info.dtype().is_float() {
        let values = rows(file, path, at, taken, whole)?;
        if info.dtype() == DType::U8 && !shape.is_empty() {
            let pixels = |sample: &Vec<i64>| sample.iter().map(|&x| x as f32 / 255.0).collect();
            let values = values.iter().map(pixels).collect();
            return Ok(Samples::Numbers {
                shape,
                values,
                are_pixels: true,
            });
        }
        return Ok(Samples::Whole { shape, values });
    }
    let values = rows(file, path, at, taken, numbers)?;
    Ok(Samples::Numbers {
        shape,
        values,
        are_pixels: false,
    })
}

fn numbers(info: &TensorInfo, shape: &[usize], bytes: &[u8]) -> Option<Vec<f32>> {
    match Datum::<f32>::decode(info.dtype(), shape, bytes)? {
        Datum::Float(array) => Some(array.into_data()),
        Datum::Whole(_) => None,
    }
}

fn whole(info: &TensorInfo, shape: &[usize], bytes: &[u8]) -> Option<Vec<i64>> {
    match Datum::<f32>::decode(info.dtype(), shape, bytes)? {
        Datum::Whole(array) => Some(array.into_data()),
        Datum::Float(_) => None,
    }
}

/// Rows of the first axis; nothing else is read.
fn rows<T>(
    file: &dyn Checkpoint,
    path: &Path,
    at: usize,
    taken: &[usize],
    decode: impl Fn(&TensorInfo, &[usize], &[u8]) -> Option<Vec<T>>,
) -> Result<Vec<Vec<T>>, DataError> {
    let info = &file.tensors()[at];
    let shape = info.shape().get(1..).unwrap_or_default();
    let all = info.shape().first().copied().unwrap_or(1).max(1);
    let bytes = info.bytes() as usize / all;
    check_size(path, taken.len(), shape)?;
    let mut buffer = vec![0; bytes];
    let row = |&place: &usize| {
        file.read(at, place as u64 * bytes as u64, &mut buffer)?;
        decode(info, shape, &buffer).ok_or_else(|| {
            DataError::content(
                path,
                format!(
                    "the array {:?} is of a type that holds no data",
                    info.name()
                ),
            )
        })
    };
    taken.iter().map(row).collect()
}

/// Classes, if the array is of whole numbers; else numbers.
fn labels(
    file: &dyn Checkpoint,
    path: &Path,
    at: usize,
    taken: &[usize],
) -> Result<Labels, DataError> {
    let info = &file.tensors()[at];
    if !info.dtype().is_float() {
        return Ok(Labels::Classes(
            rows(file, path, at, taken, whole)?.concat(),
        ));
    }
    let values = rows(file, path, at, taken, numbers)?;
    if let Some(sample) = values
        .iter()
        .position(|row| row.iter().any(|x| !x.is_finite()))
    {
        return Err(DataError::NotFinite {
            path: path.to_owned(),
            what: format!("the array {:?}", info.name()),
            sample,
        });
    }
    let shape = [&[taken.len()], info.shape().get(1..).unwrap_or_default()].concat();
    let array = Array::new(&*shape, values.concat());
    Ok(Labels::Values(
        array.unwrap_or_else(|| Array::filled(shape, 0.0)),
    ))
}
