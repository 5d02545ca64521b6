//! Comparing two checkpoints, by names and by content.

use std::collections::{BTreeSet, HashSet};

use semilla::DType;

use super::change::{Change, Diff, TensorType};
use super::moved::moved;
use crate::ops::pieces::{Place, pieces};
use crate::ops::watch::Watch;
use crate::{Checkpoint, Error, Remark};

/// Compares two checkpoints, by names and then by values.
///
/// # Errors
/// One of them cannot be read, or the work was stopped.
///
/// ```
/// # use semilla::DType;
/// # use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors};
/// use semilla_checkpoint::open;
/// use semilla_checkpoint::ops::{Watch, diff};
///
/// # let folder = tempfile::tempdir()?;
/// # let write = |file: &str, value: f32| {
/// #     let path = folder.path().join(file);
/// #     let list = Tensors::new(vec![TensorInfo::new("fc.bias", DType::F32, [1])?])?;
/// #     let writer = SafetensorsWriter::create(&path, list, Metadata::new(), None)?;
/// #     writer.write(0, 0, &value.to_le_bytes())?;
/// #     writer.finish()?;
/// #     Ok::<_, Box<dyn std::error::Error>>(path)
/// # };
/// # let before = write("before.safetensors", 0.5)?;
/// # let after = write("after.safetensors", 2.0)?;
/// let difference = diff(&*open(before)?, &*open(after)?, Watch::default())?;
/// assert_eq!(difference.changes[0].name(), "fc.bias");
/// assert_eq!(difference.changes[0].details(), "1 of 1 elements, by up to 1.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diff(a: &dyn Checkpoint, b: &dyn Checkpoint, watch: Watch<'_>) -> Result<Diff, Error> {
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
        match compare((a, index), (b, other), values_compared, watch)? {
            Some(change) => changes.push(change),
            None => same += 1,
        }
    }
    let only_b: Vec<usize> = (0..b.tensors().len())
        .filter(|index| !common.contains(index))
        .collect();
    changes.extend(moved(a, only_a, b, only_b, watch)?);
    let remarks = a.remarks().iter().chain(b.remarks());
    let unreadable: BTreeSet<&str> = remarks.filter_map(Remark::unreadable).collect();
    changes.extend(unreadable.into_iter().map(|name| Change::Unreadable {
        name: name.to_owned(),
    }));
    Ok(Diff {
        values_compared,
        same,
        changes,
    })
}

fn has_values(file: &dyn Checkpoint) -> bool {
    !matches!(file.read(0, 0, &mut []), Err(Error::NoValues { .. }))
}

/// How two tensors of one name differ.
fn compare(
    own: Place<'_>,
    other: Place<'_>,
    values_compared: bool,
    watch: Watch<'_>,
) -> Result<Option<Change>, Error> {
    let [left, right] = [own, other].map(|(file, tensor)| &file.tensors()[tensor]);
    let name = left.name().to_owned();
    if (left.dtype(), left.shape()) != (right.dtype(), right.shape()) {
        return Ok(Some(Change::Retyped {
            name,
            from: TensorType::of(left),
            to: TensorType::of(right),
        }));
    }
    if !values_compared {
        return Ok(None);
    }
    let mut distance = Distance::new(left.dtype());
    let mut buffer = Vec::new();
    pieces(own, watch.stop, |offset, x| {
        buffer.resize(x.len(), 0);
        other.0.read(other.1, offset, &mut buffer)?;
        distance.add(x, &buffer);
        (watch.progress)(2 * x.len() as u64);
        Ok::<(), Error>(())
    })?;
    Ok((distance.differing > 0).then(|| Change::Values {
        name,
        elements: left.elements(),
        differing: distance.differing,
        largest: distance.largest,
    }))
}

/// How far apart the elements of two tensors are.
struct Distance {
    dtype: DType,
    differing: u64,
    largest: f64,
    values: [Vec<f64>; 2],
}

impl Distance {
    fn new(dtype: DType) -> Self {
        Self {
            dtype,
            differing: 0,
            largest: 0.0,
            values: [Vec::new(), Vec::new()],
        }
    }

    /// Compares the same piece of both.
    fn add(&mut self, x: &[u8], y: &[u8]) {
        if x == y {
            return;
        }
        let size = self.dtype.size();
        let pairs = x.chunks_exact(size).zip(y.chunks_exact(size));
        self.differing += pairs.filter(|(x, y)| x != y).count() as u64;
        for (values, bytes) in self.values.iter_mut().zip([x, y]) {
            values.clear();
            self.dtype.decode(bytes, values);
        }
        let [x, y] = &self.values;
        let distances = x.iter().zip(y).map(|(x, y)| (x - y).abs());
        // NaN against a number is as far as can be.
        let distances = distances.map(|d| if d.is_nan() { f64::INFINITY } else { d });
        self.largest = distances.fold(self.largest, f64::max);
    }
}
