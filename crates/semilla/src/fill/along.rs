//! Linear maps from the indices of a source's axis to those of a target's.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::resize::Resize;
use crate::number::Short;

/// How the indices of one axis come from the source's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Along {
    /// Runs of indices; where several reach one index of the target, they add up.
    Runs(Vec<Run>),
    /// A grid in a new size.
    Resized(Resize),
}

/// Indices `from..from + len` of a source's axis that become `to..to + len` of the target's, times
/// `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The first index in the source.
    pub from: usize,
    /// The first index in the target.
    pub to: usize,
    /// How many.
    pub len: usize,
    /// The factor.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub scale: f64,
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_one(scale: &f64) -> bool {
    *scale == 1.0
}

impl Run {
    /// `len` indices as they are.
    pub fn new(from: usize, to: usize, len: usize) -> Self {
        let scale = 1.0;
        Self {
            from,
            to,
            len,
            scale,
        }
    }

    pub(super) fn target(&self) -> Range<usize> {
        self.to..self.to.saturating_add(self.len)
    }
}

impl Along {
    /// The runs of a list that says for each target index the source's and its factor.
    pub(crate) fn picks(list: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for (to, (from, scale)) in list.into_iter().enumerate() {
            match runs.last_mut() {
                Some(run) if run.from + run.len == from && run.scale == scale => run.len += 1,
                _ => runs.push(Run {
                    from,
                    to,
                    len: 1,
                    scale,
                }),
            }
        }
        Self::Runs(runs)
    }

    /// How many of the target's indices it reaches.
    pub(super) fn reached(&self) -> u64 {
        match self {
            Along::Runs(runs) => merged(runs.iter().map(Run::target).collect())
                .iter()
                .map(|range| range.len() as u64)
                .sum(),
            Along::Resized(resize) => resize.to_size().unwrap_or(0) as u64,
        }
    }

    /// How many of the source's indices it needs at the least, or exactly.
    pub(super) fn fits(&self, size: usize) -> bool {
        match self {
            Along::Runs(runs) => {
                let end = |run: &Run| run.from.checked_add(run.len);
                runs.iter()
                    .all(|run| end(run).is_some_and(|end| end <= size))
            }
            Along::Resized(resize) => resize.from_size() == Some(size),
        }
    }

    pub(super) fn problem(&self, axis: usize, size: usize) -> Option<String> {
        match self {
            Along::Runs(runs) => {
                let bad = |run: &&Run| {
                    let ends = (run.to.checked_add(run.len), run.from.checked_add(run.len));
                    let inside = matches!(ends, (Some(end), Some(_)) if end <= size);
                    !inside || run.len == 0 || !run.scale.is_finite()
                };
                let run = runs.iter().find(bad)?;
                Some(format!(
                    "a run of axis {axis}, {} from {} to {} times {}, does not lie inside {size}",
                    run.len,
                    run.from,
                    run.to,
                    Short(run.scale)
                ))
            }
            Along::Resized(resize) => resize.problem(size),
        }
    }
}

/// Ranges in order, with those that touch made one.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
