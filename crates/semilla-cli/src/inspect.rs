//! `semilla inspect`: what is in a file of weights, and where it may come from.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

use clap::Args;
use rayon::prelude::*;
use semilla::Tensor;
use semilla::inspect::{Collector, Match, Summary, identify, orthogonal_gain};
use semilla_checkpoint::Checkpoint;
use serde::{Serialize, Serializer};

use crate::compare::same;
use crate::failure::Failure;
use crate::findings::LEAST_SAMPLE;
use crate::model::{Stored, described};
use crate::output::Output;
use crate::plan::{number, shape};
use crate::progress::Progress;
use crate::table::Table;

/// What to look at.
#[derive(Args)]
pub(crate) struct InspectArgs {
    /// A file of weights (safetensors, .pt, .npz, .h5, .keras, ONNX, GGUF), or a folder of shards with its index
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// How the file stores its weights, if not as its format or its names tell
    #[arg(long, value_enum, value_name = "WHOSE")]
    layout: Option<Stored>,
}

/// What was found.
#[derive(Serialize)]
struct Report<'a> {
    tensors: Vec<Entry<'a>>,
    /// Groups of tensors with the same type, shape and bytes; constants are not listed.
    equal: Vec<Vec<String>>,
    /// What the reader noticed that the tensors do not show.
    remarks: Vec<String>,
}

/// There may be a million: nothing of the tensor is copied.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten, serialize_with = "identity")]
    tensor: &'a Tensor,
    #[serde(flatten)]
    summary: Summary,
    consistent_with: Option<Match>,
    #[serde(skip)]
    hash: u64,
}

fn identity<S: Serializer>(tensor: &Tensor, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Identity<'a> {
        name: &'a str,
        shape: &'a [usize],
        dtype: semilla::DType,
    }
    let identity = Identity {
        name: &tensor.name,
        shape: &tensor.shape,
        dtype: tensor.dtype,
    };
    identity.serialize(serializer)
}

/// What is read at a time.
const PIECE: u64 = 1 << 20;
/// How many tensors are handed to the threads at a time.
const TOGETHER: usize = 1 << 12;
/// Matrices up to this many elements are tested for orthogonality, for which they are held whole.
const HELD: u64 = 1 << 22;

pub(crate) fn run(args: &InspectArgs, output: &mut Output) -> Result<(), Failure> {
    let file = semilla_checkpoint::open(&args.file)?;
    let infos = file.tensors();
    let told = described(&*file, &args.file, "--layout", args.layout)?;
    let progress = Progress::new(infos.bytes());
    let mut entries = Vec::with_capacity(infos.len());
    for tensors in told.model.tensors.chunks(TOGETHER) {
        let first = entries.len();
        let examined: Result<Vec<Entry<'_>>, Failure> = tensors
            .par_iter()
            .enumerate()
            .map(|(place, tensor)| examine(&*file, first + place, tensor, &progress))
            .collect();
        entries.extend(examined?);
    }
    progress.finish();
    let equal = equal(&*file, &entries)?;
    let remarks = file.remarks().iter().map(ToString::to_string);
    let remarks = remarks.chain(told.remark).collect();
    // Its list is not needed any more.
    drop(file);
    let report = Report {
        tensors: entries,
        equal,
        remarks,
    };
    if output.is_json() {
        output.json(&report)
    } else {
        print(&report, output)
    }
}

fn examine<'a>(
    file: &dyn Checkpoint,
    index: usize,
    tensor: &'a Tensor,
    progress: &Progress,
) -> Result<Entry<'a>, Failure> {
    let info = &file.tensors()[index];
    let mut collector = Collector::new(info.elements());
    let mut hasher = DefaultHasher::new();
    let hold = tensor.shape.len() == 2 && info.elements() <= HELD && info.dtype().is_float();
    let mut held = Vec::new();
    let mut bytes = vec![0; PIECE.min(info.bytes()) as usize];
    let mut values = Vec::new();
    let mut offset = 0;
    while offset < info.bytes() {
        let len = PIECE.min(info.bytes() - offset) as usize;
        let piece = &mut bytes[..len];
        file.read(index, offset, piece)?;
        hasher.write(piece);
        values.clear();
        info.dtype().decode(piece, &mut values);
        collector.push(&values);
        if hold {
            held.extend_from_slice(&values);
        }
        offset += len as u64;
        progress.add(len as u64);
    }
    let orthogonal = || {
        let &[rows, columns] = tensor.shape.as_slice() else {
            return None;
        };
        let gain = orthogonal_gain(&held, rows, columns, info.dtype())?;
        Some(Match {
            name: format!("orthogonal, gain {}", number(gain)),
            p: None,
        })
    };
    let consistent_with = orthogonal().or_else(|| identify(&collector, tensor));
    Ok(Entry {
        tensor,
        summary: collector.summary(),
        consistent_with,
        hash: hasher.finish(),
    })
}

/// Groups of equal tensors: candidates by hash, then byte by byte.
fn equal(file: &dyn Checkpoint, entries: &[Entry<'_>]) -> Result<Vec<Vec<String>>, Failure> {
    let mut alike: HashMap<(u64, &[usize], semilla::DType), Vec<usize>> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        if entry.summary.min < entry.summary.max {
            alike
                .entry((entry.hash, &entry.tensor.shape, entry.tensor.dtype))
                .or_default()
                .push(index);
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for candidates in alike
        .into_values()
        .filter(|candidates| candidates.len() > 1)
    {
        let mut group = vec![candidates[0]];
        for &other in &candidates[1..] {
            if same((file, candidates[0]), (file, other))? {
                group.push(other);
            }
        }
        if group.len() > 1 {
            groups.push(group);
        }
    }
    groups.sort_unstable();
    let name = |&place: &usize| entries[place].tensor.name.clone();
    let names = |group: Vec<usize>| group.iter().map(name).collect();
    Ok(groups.into_iter().map(names).collect())
}

fn print(report: &Report<'_>, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "tensor",
        "shape",
        "dtype",
        "mean",
        "std",
        "min",
        "max",
        "kurtosis",
        "zeros",
        "non-finite",
        "consistent with",
    ]);
    for entry in &report.tensors {
        let s = &entry.summary;
        let share = |n: u64| {
            if n == 0 {
                "0".to_owned()
            } else {
                format!("{:.2}%", 100.0 * n as f64 / s.count as f64)
            }
        };
        table.row([
            entry.tensor.name.clone(),
            shape(&entry.tensor.shape),
            entry.tensor.dtype.to_string(),
            short(s.mean),
            short(s.std),
            short(s.min),
            short(s.max),
            short(s.kurtosis),
            share(s.zeros),
            share(s.non_finite),
            match &entry.consistent_with {
                Some(Match { name, p: Some(p) }) => format!("{name}, p={}", short(*p)),
                Some(Match { name, p: None }) => name.clone(),
                None => "none known: trained, or another".to_owned(),
            },
        ]);
    }
    output.table(&table)?;
    for remark in &report.remarks {
        output.line(format_args!("{remark}"))?;
    }
    for group in &report.equal {
        output.line(format_args!("equal: {}", group.join(", ")))?;
    }
    let tells = |entry: &&Entry<'_>| {
        entry.summary.min != entry.summary.max && entry.summary.count >= LEAST_SAMPLE
    };
    let judged = report.tensors.iter().filter(tells);
    let fresh = judged.clone().filter(|e| e.consistent_with.is_some());
    output.line(format_args!(
        "{} tensors; of {} that are not constant and have {LEAST_SAMPLE} elements or more, {} look never trained",
        report.tensors.len(),
        judged.count(),
        fresh.count(),
    ))
}

/// Four significant digits.
fn short(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e5).contains(&value.abs()) {
        format!("{value:.3e}")
    } else {
        number((value * 1e4).round() / 1e4)
    }
}
