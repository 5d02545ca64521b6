//! From a path to the inputs of a graph.

use std::path::Path;

use semilla::Graph;
use semilla::graph::Dim;
use semilla_signal::{Batch, InputSpec, Labels};

use crate::error::DataError;
use crate::place::place;
use crate::reading::{Data, Given, Reading};
use crate::sample::{Found, Samples, fitted, known};
use crate::{arrays, cifar, idx, images, parquet, table, text};

/// Reads data for the inputs of a graph: at most as many samples as asked for, evenly spread over
/// all there are.
///
/// # Errors
/// [`DataError`]: what cannot be read, does not fit the inputs, or is not finite.
pub fn read(path: &Path, graph: &Graph, reading: &Reading) -> Result<Data, DataError> {
    let specs = InputSpec::all(graph, &reading.sizes);
    let kind = kind(path)?;
    if reading.tokenizer.is_some() && !matches!(kind, Kind::Text) {
        let problem = "a tokenizer is for text (.txt, .text, .md), and this is none";
        return Err(DataError::content(path, problem));
    }
    let mut data = match kind {
        Kind::Arrays => arrays::read(path, &specs, reading)?,
        kind => {
            let input = place(path, &specs)?;
            let found = match kind {
                Kind::Images => images::read(path, input, reading)?,
                Kind::Table => table::read(path, input, reading)?,
                Kind::Parquet => parquet::read(path, input, reading)?,
                Kind::Text => text::read(path, input, reading)?,
                Kind::Cifar => cifar::read(path, reading)?,
                Kind::Idx | Kind::Arrays => idx::read(path, input, reading)?,
            };
            of_one(path, graph, found, input, reading)?
        }
    };
    data.check(path, &specs)?;
    if data.samples < reading.samples && reading.samples != usize::MAX {
        let remark = format!("the data have {} samples, all are taken", data.samples);
        data.remarks.push(remark);
    }
    Ok(data)
}

/// Brings samples in memory into the inputs of a graph, as [`read`] does with those of a file.
/// `name` stands for the path in messages.
///
/// # Errors
/// As [`read`]; all samples are taken.
pub fn take(name: &str, given: Given, graph: &Graph, reading: &Reading) -> Result<Data, DataError> {
    let path = Path::new(name);
    let specs = InputSpec::all(graph, &reading.sizes);
    let size: usize = given.shape.iter().product();
    let count = given.samples.len();
    let labels = match &given.labels {
        Labels::Classes(classes) => classes.len(),
        Labels::Values(values) => values.shape().first().copied().unwrap_or(0),
    };
    if given.samples.iter().any(|sample| sample.len() != size) || labels != count {
        let problem = format!(
            "{count} samples of the shape {:?} and {labels} labels",
            given.shape
        );
        return Err(DataError::content(path, problem));
    }
    let found = Found {
        samples: Samples::Numbers {
            shape: given.shape,
            values: given.samples,
            are_pixels: given.are_pixels,
        },
        labels: Some(given.labels),
        remarks: Vec::new(),
    };
    let data = of_one(path, graph, found, place(path, &specs)?, reading)?;
    data.check(path, &specs)?;
    Ok(data)
}

/// The kind of a path's content.
enum Kind {
    Arrays,
    Images,
    Table,
    Parquet,
    Text,
    Cifar,
    Idx,
}

fn kind(path: &Path) -> Result<Kind, DataError> {
    if path.is_dir() {
        return match (images::are_in(path)?, cifar::are_in(path)?) {
            (true, _) => Ok(Kind::Images),
            (_, true) => Ok(Kind::Cifar),
            _ if arrays::are_in(path) => Ok(Kind::Arrays),
            _ => Err(DataError::content(
                path,
                "the folder holds no images (.png, .jpg, in a folder for each class), no batches of \
                 CIFAR and no arrays; name a file, or another folder",
            )),
        };
    }
    if images::is_one(path) {
        return Ok(Kind::Images);
    }
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    Ok(match extension {
        "csv" | "tsv" => Kind::Table,
        "npy" | "npz" | "safetensors" => Kind::Arrays,
        "txt" | "text" | "md" => Kind::Text,
        "bin" => Kind::Cifar,
        "parquet" => Kind::Parquet,
        "json" => {
            let problem =
                "JSON is no data; --tokenizer takes a tokenizer.json, and --data the text";
            return Err(DataError::content(path, problem));
        }
        _ if idx::is(path)? => Kind::Idx,
        _ => Kind::Arrays,
    })
}

/// The inputs of a graph of which the data are for one; the others are made up.
fn of_one(
    path: &Path,
    graph: &Graph,
    found: Found,
    input: &InputSpec,
    reading: &Reading,
) -> Result<Data, DataError> {
    let Found {
        samples,
        labels,
        mut remarks,
    } = found;
    let fitted = fitted(
        path,
        samples,
        input,
        reading.normalize.as_ref(),
        &mut remarks,
    )?;
    let mut datum = fitted.datum;
    let shape = datum.shape().to_vec();
    let mut batch = Batch {
        samples: shape.first().copied().unwrap_or(0),
        sizes: reading.sizes.clone(),
        ..Batch::default()
    };
    // Others share the sizes that these data have.
    for (dim, &size) in input.shape.iter().flatten().zip(&shape) {
        if let Dim::Named(name) = dim {
            batch.sizes.entry(name.clone()).or_insert(size);
        }
    }
    batch.shapes.insert(input.name.clone(), shape);
    let samples = batch.samples;
    let mut inputs = batch.inputs(graph)?;
    for (name, value) in &mut inputs {
        if *name == input.name {
            std::mem::swap(value, &mut datum);
        } else {
            remarks.push(format!(
                "the input {name:?} is not in the data and is made up"
            ));
        }
    }
    Ok(Data {
        inputs,
        labels,
        samples,
        channels: [(input.name.clone(), fitted.channels)].into(),
        remarks,
    })
}

impl Data {
    /// Checks that there are enough samples, and as many as the graph states.
    fn check(&self, path: &Path, specs: &[InputSpec]) -> Result<(), DataError> {
        let stated = specs
            .iter()
            .filter_map(|spec| known(spec.shape.as_ref()?.first()?))
            .max();
        let needed = stated.unwrap_or(1);
        match self.samples < needed {
            true => Err(DataError::Few {
                path: path.to_owned(),
                found: self.samples,
                needed,
            }),
            false => Ok(()),
        }
    }
}
