//! `semilla diff`: two files of weights, by name and by content.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

use clap::Args;
use semilla_checkpoint::{Checkpoint, TensorInfo};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::plan::{grouped_digits, number, shape};
use crate::table::Table;

/// What to compare.
#[derive(Args)]
pub(crate) struct DiffArgs {
    /// A safetensors file, a folder of shards with its index, or a list of shapes
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The other
    #[arg(value_name = "B")]
    b: PathBuf,
}

/// What differs at one name.
#[derive(Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
enum Change {
    /// In A only.
    Missing { name: String },
    /// In B only.
    Added { name: String },
    /// In A only by this name; the same content is in B under another.
    Renamed { name: String, to: String },
    /// Other type or shape.
    Retyped {
        name: String,
        from: String,
        to: String,
    },
    /// Other values.
    Values {
        name: String,
        elements: u64,
        differing: u64,
        largest: f64,
    },
}

#[derive(Serialize)]
struct Report {
    /// Whether values were compared: a list of shapes has none.
    values_compared: bool,
    /// Tensors that are the same in both.
    same: usize,
    changes: Vec<Change>,
}

const PIECE: u64 = 1 << 20;

/// Whether the two are the same.
pub(crate) fn run(args: &DiffArgs, output: &mut Output) -> Result<bool, Failure> {
    let (a, b) = (
        semilla_checkpoint::open(&args.a)?,
        semilla_checkpoint::open(&args.b)?,
    );
    let report = compare(&*a, &*b)?;
    let same = report.changes.is_empty();
    if output.is_json() {
        output.json(&report)?;
    } else {
        print(&report, output)?;
    }
    Ok(same)
}

fn compare(a: &dyn Checkpoint, b: &dyn Checkpoint) -> Result<Report, Failure> {
    let values_compared = has_values(a) && has_values(b);
    let mut changes = Vec::new();
    let mut same = 0;
    let (mut only_a, mut common) = (Vec::new(), HashSet::new());
    for (index, info) in a.tensors().iter().enumerate() {
        let Some(other) = b.tensors().index_of(info.name()) else {
            only_a.push(index);
            continue;
        };
        common.insert(other);
        match compare_tensor((a, index), (b, other), values_compared)? {
            Some(change) => changes.push(change),
            None => same += 1,
        }
    }
    let only_b: Vec<usize> = (0..b.tensors().len())
        .filter(|i| !common.contains(i))
        .collect();
    changes.extend(moved(a, only_a, b, only_b)?);
    Ok(Report {
        values_compared,
        same,
        changes,
    })
}

fn has_values(file: &dyn Checkpoint) -> bool {
    !matches!(
        file.read(0, 0, &mut []),
        Err(semilla_checkpoint::Error::NoValues { .. })
    )
}

fn compare_tensor(
    (a, i): (&dyn Checkpoint, usize),
    (b, j): (&dyn Checkpoint, usize),
    values: bool,
) -> Result<Option<Change>, Failure> {
    let (left, right) = (&a.tensors()[i], &b.tensors()[j]);
    let name = left.name().to_owned();
    let describe = |info: &TensorInfo| format!("{} {}", info.dtype(), shape(info.shape()));
    if (left.dtype(), left.shape()) != (right.dtype(), right.shape()) {
        return Ok(Some(Change::Retyped {
            name,
            from: describe(left),
            to: describe(right),
        }));
    }
    if !values {
        return Ok(None);
    }
    let mut buffers = (vec![0; PIECE as usize], vec![0; PIECE as usize]);
    let mut decoded = (Vec::new(), Vec::new());
    let (mut differing, mut largest, mut offset) = (0, 0f64, 0);
    while offset < left.bytes() {
        let len = PIECE.min(left.bytes() - offset) as usize;
        let (x, y) = (&mut buffers.0[..len], &mut buffers.1[..len]);
        a.read(i, offset, x)?;
        b.read(j, offset, y)?;
        if x != y {
            let size = left.dtype().size();
            let pairs = x.chunks_exact(size).zip(y.chunks_exact(size));
            differing += pairs.filter(|(x, y)| x != y).count() as u64;
            decoded.0.clear();
            decoded.1.clear();
            left.dtype().decode(x, &mut decoded.0);
            left.dtype().decode(y, &mut decoded.1);
            let distances = decoded.0.iter().zip(&decoded.1).map(|(x, y)| (x - y).abs());
            // NaN against a number is as far as can be.
            let distances = distances.map(|d| if d.is_nan() { f64::INFINITY } else { d });
            largest = distances.fold(largest, f64::max);
        }
        offset += len as u64;
    }
    let elements = left.elements();
    Ok((differing > 0).then_some(Change::Values {
        name,
        elements,
        differing,
        largest,
    }))
}

/// Tensors under one name in A and another in B, by content; the rest is missing or added.
fn moved(
    a: &dyn Checkpoint,
    only_a: Vec<usize>,
    b: &dyn Checkpoint,
    only_b: Vec<usize>,
) -> Result<Vec<Change>, Failure> {
    let mut by_content: HashMap<_, Vec<usize>> = HashMap::new();
    if !only_a.is_empty() {
        for index in only_b.iter().rev() {
            if let Some(content) = content(b, *index)? {
                by_content.entry(content).or_default().push(*index);
            }
        }
    }
    let mut taken = HashSet::new();
    let mut changes = Vec::new();
    for index in only_a {
        let name = a.tensors()[index].name().to_owned();
        let found = match content(a, index)? {
            Some(content) if !only_b.is_empty() => by_content.get_mut(&content).and_then(Vec::pop),
            _ => None,
        };
        changes.push(match found {
            Some(other) => {
                taken.insert(other);
                Change::Renamed {
                    name,
                    to: b.tensors()[other].name().to_owned(),
                }
            }
            None => Change::Missing { name },
        });
    }
    let added = only_b.into_iter().filter(|index| !taken.contains(index));
    changes.extend(added.map(|index| Change::Added {
        name: b.tensors()[index].name().to_owned(),
    }));
    Ok(changes)
}

/// What tells a tensor by its content.
#[derive(PartialEq, Eq, Hash)]
struct Content {
    dtype: semilla::DType,
    shape: Vec<usize>,
    hashes: [u64; 2],
}

/// `None` where there are no values.
fn content(file: &dyn Checkpoint, index: usize) -> Result<Option<Content>, Failure> {
    let info = &file.tensors()[index];
    let (mut first, mut second) = (DefaultHasher::new(), DefaultHasher::new());
    second.write_u8(1);
    let mut piece = vec![0; PIECE.min(info.bytes()) as usize];
    let mut offset = 0;
    while offset < info.bytes() {
        let len = PIECE.min(info.bytes() - offset) as usize;
        match file.read(index, offset, &mut piece[..len]) {
            Ok(()) => {}
            // A list of shapes has no content to go by.
            Err(semilla_checkpoint::Error::NoValues { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        first.write(&piece[..len]);
        second.write(&piece[..len]);
        offset += len as u64;
    }
    Ok(Some(Content {
        dtype: info.dtype(),
        shape: info.shape().to_vec(),
        hashes: [first.finish(), second.finish()],
    }))
}

fn print(report: &Report, output: &mut Output) -> Result<(), Failure> {
    if !report.values_compared {
        output.line(format_args!(
            "one of the two lists shapes only: values were not compared"
        ))?;
    }
    if report.changes.is_empty() {
        return output.line(format_args!("the same: {} tensors", report.same));
    }
    let mut table = Table::new(["tensor", "change", "how"]);
    for change in &report.changes {
        let (name, what, how) = match change {
            Change::Missing { name } => (name, "only in A", String::new()),
            Change::Added { name } => (name, "only in B", String::new()),
            Change::Renamed { name, to } => (name, "renamed", format!("to {to}")),
            Change::Retyped { name, from, to } => (name, "retyped", format!("{from} to {to}")),
            Change::Values {
                name,
                elements,
                differing,
                largest,
            } => {
                let how = format!(
                    "{} of {} elements, by up to {}",
                    grouped_digits(*differing),
                    grouped_digits(*elements),
                    if largest.is_finite() {
                        number(*largest)
                    } else {
                        "∞ or NaN".to_owned()
                    }
                );
                (name, "values", how)
            }
        };
        table.row([name.clone(), what.to_owned(), how]);
    }
    output.table(&table)?;
    output.line(format_args!(
        "{} differ, {} are the same",
        report.changes.len(),
        report.same
    ))
}
