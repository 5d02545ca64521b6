//! Looking at given weights: moments, extremes, and where they may come from.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use rayon::prelude::*;
use semilla::inspect::{Collector, Match, Summary};
use semilla::{DType, Role, Tensor};
use serde::Serialize;

use super::Described;
use super::origin::{LEAST_SAMPLE, origin};
use super::own::container_remark;
use super::pieces::{pieces, same};
use super::watch::Watch;
use crate::remark::sentences;
use crate::{Checkpoint, Error};

/// A report on the weights of a checkpoint.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// The tensors, in the checkpoint's order.
    pub tensors: Vec<Inspected>,
    /// Groups of tensors with the same type, shape and bytes; constants are not listed.
    pub equal: Vec<Vec<String>>,
    /// Remarks of the reader, about what the tensors do not show.
    pub remarks: Vec<String>,
}

/// A report on one tensor. There may be a million: nothing is here that is not needed.
#[derive(Debug, Serialize)]
pub struct Inspected {
    /// The tensor's name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its element type.
    pub dtype: DType,
    /// Its task in the model.
    #[serde(skip)]
    pub role: Role,
    /// Its moments and extremes.
    #[serde(flatten)]
    pub summary: Summary,
    /// The initializer that its values are consistent with, if any is.
    pub consistent_with: Option<Match>,
}

impl Inspected {
    fn new(tensor: Tensor, seen: Seen) -> Self {
        Self {
            name: tensor.name,
            shape: tensor.shape,
            dtype: tensor.dtype,
            role: tensor.role,
            summary: seen.summary,
            consistent_with: seen.consistent_with,
        }
    }

    /// Whether there are enough values, and different ones, to tell trained from untrained.
    pub fn is_telling(&self) -> bool {
        self.summary.min != self.summary.max && self.summary.count >= LEAST_SAMPLE
    }
}

/// Why weights could not be inspected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The model is a one-line description.
    #[error("a one-line description has no values to look at; give a file of weights")]
    NoFile,
    /// The file cannot be read, or holds shapes only, or the work was stopped.
    #[error(transparent)]
    Checkpoint(#[from] Error),
}

/// How many tensors are handed to the threads at a time.
const TOGETHER: usize = 1 << 12;
/// Matrices up to this many elements are tested for orthogonality, for which they are held whole.
const HELD: u64 = 1 << 22;

/// Reads every value of a described checkpoint, on all threads of the current rayon pool.
///
/// # Errors
/// [`InspectError`].
///
/// ```
/// # use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors};
/// use semilla::DType;
/// use semilla_checkpoint::ops::{DescribeOptions, Watch, describe, inspect};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("weights.safetensors");
/// # let list = Tensors::new(vec![TensorInfo::new("fc.bias", DType::F32, [2])?])?;
/// # let writer = SafetensorsWriter::create(&path, list, Metadata::new(), None)?;
/// # writer.write(0, 0, &[0; 8])?;
/// # writer.finish()?;
/// # let path = path.to_str().unwrap();
/// let described = describe(path, DescribeOptions::default())?;
/// let report = inspect(described, Watch::default())?;
/// let bias = &report.tensors[0];
/// assert_eq!((bias.summary.zeros, bias.dtype), (2, DType::F32));
/// assert_eq!(bias.consistent_with.as_ref().unwrap().name, "constant 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(described: Described, watch: Watch<'_>) -> Result<Inspection, InspectError> {
    let file = described.file.ok_or(InspectError::NoFile)?;
    let mut waiting = described.model.tensors.into_iter();
    let mut tensors = Vec::with_capacity(waiting.len());
    let mut hashes = Vec::with_capacity(waiting.len());
    while waiting.len() > 0 {
        let first = tensors.len();
        let together = &waiting.as_slice()[..TOGETHER.min(waiting.len())];
        let seen: Result<Vec<Seen>, Error> = together
            .par_iter()
            .enumerate()
            .map(|(place, tensor)| examine(&*file, first + place, tensor, watch))
            .collect();
        for (seen, tensor) in seen?.into_iter().zip(&mut waiting) {
            hashes.push(seen.hash);
            tensors.push(Inspected::new(tensor, seen));
        }
    }
    let equal = equal(&*file, &tensors, &hashes, watch)?;
    let remarks = sentences(file.remarks()).into_iter();
    let remarks = remarks.chain(container_remark(&*file));
    let inferred = described.inferred.map(|inferred| inferred.to_string());
    Ok(Inspection {
        remarks: remarks.chain(inferred).collect(),
        tensors,
        equal,
    })
}

/// One reading of a tensor.
struct Seen {
    summary: Summary,
    consistent_with: Option<Match>,
    hash: u64,
}

fn examine(
    file: &dyn Checkpoint,
    index: usize,
    tensor: &Tensor,
    watch: Watch<'_>,
) -> Result<Seen, Error> {
    let info = &file.tensors()[index];
    let mut collector = Collector::new(info.elements());
    let mut hasher = DefaultHasher::new();
    let is_held = info.shape().len() == 2 && info.elements() <= HELD && info.dtype().is_float();
    let (mut held, mut values) = (Vec::new(), Vec::new());
    pieces((file, index), watch.stop, |_, bytes| {
        hasher.write(bytes);
        values.clear();
        info.dtype().decode(bytes, &mut values);
        collector.push(&values);
        if is_held {
            held.extend_from_slice(&values);
        }
        (watch.progress)(bytes.len() as u64);
        Ok::<(), Error>(())
    })?;
    Ok(Seen {
        summary: collector.summary(),
        consistent_with: origin((&held, info.shape()), &collector, tensor),
        hash: hasher.finish(),
    })
}

/// Groups of equal tensors: candidates by hash, then byte by byte.
fn equal(
    file: &dyn Checkpoint,
    tensors: &[Inspected],
    hashes: &[u64],
    watch: Watch<'_>,
) -> Result<Vec<Vec<String>>, Error> {
    let mut alike: HashMap<(u64, &[usize], DType), Vec<usize>> = HashMap::new();
    for (index, (tensor, &hash)) in tensors.iter().zip(hashes).enumerate() {
        if tensor.summary.min < tensor.summary.max {
            let key = (hash, &tensor.shape[..], tensor.dtype);
            alike.entry(key).or_default().push(index);
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for candidates in alike.into_values().filter(|alike| alike.len() > 1) {
        let first = candidates[0];
        let mut group = vec![first];
        for &other in &candidates[1..] {
            if same((file, first), (file, other), watch.stop)? {
                group.push(other);
            }
        }
        if group.len() > 1 {
            groups.push(group);
        }
    }
    groups.sort_unstable();
    let name = |&index: &usize| tensors[index].name.clone();
    let names = |group: Vec<usize>| group.iter().map(name).collect();
    Ok(groups.into_iter().map(names).collect())
}
