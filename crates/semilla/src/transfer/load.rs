//! What a plan records of a tensor that comes from a checkpoint.

use serde::{Deserialize, Serialize};

use crate::fill::{Fill, Slice};

/// Elements of a checkpoint's tensor on their way into one of the model: axes in another order, and of each axis
/// the runs that both have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The checkpoint's place in the plan's list.
    pub source: usize,
    /// The tensor's name in it.
    pub tensor: String,
    /// For each of the target's axes the source's; empty where the order is the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permute: Vec<usize>,
    /// For each of the target's axes the runs that are taken, in order; empty where all of the source is, in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<Vec<Run>>,
    /// What fills the elements that no run reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Box<Fill>>,
}

/// Indices `from..from + len` of a source's axis that become `to..to + len` of the target's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The first index in the source.
    pub from: usize,
    /// The first index in the target.
    pub to: usize,
    /// How many.
    pub len: usize,
}

impl Load {
    /// All of a tensor, in place.
    pub fn whole(source: usize, tensor: impl Into<String>) -> Self {
        Self {
            source,
            tensor: tensor.into(),
            permute: Vec::new(),
            axes: Vec::new(),
            rest: None,
        }
    }

    /// Whether bytes are copied as they lie.
    pub fn is_plain(&self) -> bool {
        self.permute.is_empty() && self.axes.is_empty()
    }

    /// The source's axis that becomes an axis of the target.
    pub fn source_axis(&self, axis: usize) -> usize {
        self.permute.get(axis).copied().unwrap_or(axis)
    }

    /// How many elements come from the source.
    pub fn elements(&self, shape: &[usize]) -> u64 {
        if self.axes.is_empty() {
            return shape.iter().map(|&size| size as u64).product();
        }
        let taken = |runs: &Vec<Run>| runs.iter().map(|run| run.len as u64).sum::<u64>();
        self.axes.iter().map(taken).product()
    }

    /// Whether no element is left for [`rest`](Self::rest).
    pub fn covers(&self, shape: &[usize]) -> bool {
        self.elements(shape) == shape.iter().map(|&size| size as u64).product::<u64>()
    }

    /// What is wrong with the load for a target of this shape, if anything: axes that are none, runs out of order or out of
    /// range, elements that nothing fills.
    pub fn problem(&self, shape: &[usize]) -> Option<String> {
        let axes = shape.len();
        if !self.permute.is_empty() {
            let mut seen = self.permute.clone();
            seen.sort_unstable();
            if !seen.into_iter().eq(0..axes) {
                return Some(format!("{:?} is no order of {axes} axes", self.permute));
            }
        }
        if !self.axes.is_empty() && self.axes.len() != axes {
            return Some(format!(
                "it has runs for {} axes, not {axes}",
                self.axes.len()
            ));
        }
        for (axis, runs) in self.axes.iter().enumerate() {
            let mut end = 0;
            for run in runs {
                let after = run.to.checked_add(run.len);
                if run.to < end || run.len == 0 || after.is_none_or(|after| after > shape[axis]) {
                    return Some(format!(
                        "its runs of axis {axis} are not in order inside of {}",
                        shape[axis]
                    ));
                }
                if run.from.checked_add(run.len).is_none() {
                    return Some(format!("a run of axis {axis} ends beyond all indices"));
                }
                end = run.to + run.len;
            }
        }
        match &self.rest {
            None if !self.covers(shape) => {
                Some("some of its elements come from nowhere".to_owned())
            }
            _ => None,
        }
    }

    /// Whether the source's shape has what is taken of it: the target's own shape in the source's order, or all of the runs.
    pub fn fits(&self, source: &[usize], target: &[usize]) -> bool {
        source.len() == target.len()
            && (0..target.len()).all(|axis| {
                let size = source[self.source_axis(axis)];
                match self.axes.get(axis) {
                    None => size == target[axis],
                    Some(runs) => runs.iter().all(|run| run.from + run.len <= size),
                }
            })
    }

    /// The boxes that make up what a slice of the target takes from the source: pairs of a box of the target and
    /// a box of the source, the latter's axes in the source's order.
    pub fn boxes(&self, part: &Slice) -> Vec<(Slice, Slice)> {
        let axes = part.size().len();
        let per_axis: Vec<Vec<Run>> = (0..axes)
            .map(|axis| {
                let (start, end) = (part.offset()[axis], part.offset()[axis] + part.size()[axis]);
                match self.axes.get(axis) {
                    None => vec![Run {
                        from: start,
                        to: start,
                        len: end - start,
                    }],
                    Some(runs) => runs
                        .iter()
                        .filter_map(|run| run.within(start, end))
                        .collect(),
                }
            })
            .collect();
        let mut boxes = Vec::new();
        let mut choice = vec![0; axes];
        if per_axis.iter().any(Vec::is_empty) {
            return boxes;
        }
        loop {
            let runs: Vec<Run> = (0..axes).map(|axis| per_axis[axis][choice[axis]]).collect();
            let target = Slice::new(
                runs.iter().map(|run| run.to).collect::<Vec<_>>(),
                runs.iter().map(|run| run.len).collect::<Vec<_>>(),
            );
            let mut offset = vec![0; axes];
            let mut size = vec![0; axes];
            for (axis, run) in runs.iter().enumerate() {
                let place = self.source_axis(axis);
                (offset[place], size[place]) = (run.from, run.len);
            }
            boxes.push((target, Slice::new(offset, size)));
            // The next combination, the last axis fastest.
            let Some(axis) = (0..axes)
                .rev()
                .find(|&axis| choice[axis] + 1 < per_axis[axis].len())
            else {
                return boxes;
            };
            choice[axis] += 1;
            choice[axis + 1..].fill(0);
        }
    }
}

impl Run {
    /// The part of the run whose target lies in `start..end`.
    fn within(self, start: usize, end: usize) -> Option<Self> {
        let low = self.to.max(start);
        let high = (self.to + self.len).min(end);
        (low < high).then(|| Self {
            from: self.from + (low - self.to),
            to: low,
            len: high - low,
        })
    }
}
