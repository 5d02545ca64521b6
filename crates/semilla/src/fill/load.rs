//! What a plan records of a tensor that comes from a checkpoint.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Fill, Resize};

/// Elements of a checkpoint's tensor on their way into one of the model: axes in another order, and along each axis a
/// linear map from the source's indices to the target's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The checkpoint's place in the plan's list.
    pub source: usize,
    /// The tensor's name in it.
    pub tensor: String,
    /// The shape in which the tensor's elements are taken, row-major as they lie; empty for its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub view: Vec<usize>,
    /// For each of the target's axes the source's; empty where the order is the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permute: Vec<usize>,
    /// For each of the target's axes how its indices come from the source's; empty where all of the source is, in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<Along>,
    /// Makes the rows that no run of the first axis reaches like the others: the mean of all the source's rows, and a normal
    /// deviation with their covariance times this factor (0 for the mean itself).
    ///
    /// Such a row is mean + √factor · N^(-1/2) Σᵢ zᵢ (rowᵢ - mean) with independent standard normal zᵢ, which has exactly the
    /// rows' mean and covariance, without that matrix ever being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alike: Option<f64>,
    /// What fills the elements that nothing else reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Box<Fill>>,
}

/// How the indices of one axis come from the source's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Along {
    /// Runs of indices; where several reach one index of the target, they add up.
    Runs(Vec<Run>),
    /// A grid in another size.
    Resized(Resize),
}

/// Indices `from..from + len` of a source's axis that become `to..to + len` of the target's, times `scale`.
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

    fn target(&self) -> Range<usize> {
        self.to..self.to + self.len
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
    fn reached(&self) -> u64 {
        match self {
            Along::Runs(runs) => merged(runs.iter().map(Run::target).collect())
                .iter()
                .map(|range| range.len() as u64)
                .sum(),
            Along::Resized(resize) => resize.to_size().unwrap_or(0) as u64,
        }
    }

    /// How many of the source's indices it needs at the least, or exactly.
    fn fits(&self, size: usize) -> bool {
        match self {
            Along::Runs(runs) => runs.iter().all(|run| run.from + run.len <= size),
            Along::Resized(resize) => resize.from_size() == Some(size),
        }
    }

    fn problem(&self, axis: usize, size: usize) -> Option<String> {
        match self {
            Along::Runs(runs) => {
                let bad = |run: &&Run| {
                    let ends = (run.to.checked_add(run.len), run.from.checked_add(run.len));
                    let inside = matches!(ends, (Some(end), Some(_)) if end <= size);
                    !inside || run.len == 0 || !run.scale.is_finite()
                };
                let run = runs.iter().find(bad)?;
                Some(format!(
                    "a run of axis {axis}, {} from {} to {} times {}, does not lie inside of {size}",
                    run.len, run.from, run.to, run.scale
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

impl Load {
    /// All of a tensor, in place.
    pub fn whole(source: usize, tensor: impl Into<String>) -> Self {
        Self {
            source,
            tensor: tensor.into(),
            view: Vec::new(),
            permute: Vec::new(),
            axes: Vec::new(),
            alike: None,
            rest: None,
        }
    }

    /// Whether bytes are copied as they lie.
    pub fn is_plain(&self) -> bool {
        self.permute.is_empty() && self.axes.is_empty()
    }

    /// Whether every element is one of the source's as it is: nothing is added, scaled or interpolated.
    pub fn is_exact(&self) -> bool {
        self.axes.iter().all(|along| match along {
            Along::Runs(runs) => {
                let taken: usize = runs.iter().map(|run| run.len).sum();
                taken as u64 == along.reached() && runs.iter().all(|run| run.scale == 1.0)
            }
            Along::Resized(_) => false,
        })
    }

    /// The source's axis that becomes an axis of the target.
    pub fn source_axis(&self, axis: usize) -> usize {
        self.permute.get(axis).copied().unwrap_or(axis)
    }

    /// The shape in which the source is seen.
    pub fn seen<'a>(&'a self, source: &'a [usize]) -> &'a [usize] {
        match self.view.is_empty() {
            true => source,
            false => &self.view,
        }
    }

    /// How many elements come from the source.
    pub fn elements(&self, shape: &[usize]) -> u64 {
        if self.axes.is_empty() {
            return shape.iter().map(|&size| size as u64).product();
        }
        let mut reached: Vec<u64> = self.axes.iter().map(Along::reached).collect();
        if self.alike.is_some() {
            reached[0] = shape[0] as u64;
        }
        reached.into_iter().product()
    }

    /// Whether no element is left for [`rest`](Self::rest).
    pub fn covers(&self, shape: &[usize]) -> bool {
        self.elements(shape) == shape.iter().map(|&size| size as u64).product::<u64>()
    }

    /// What is wrong with the load for a target of this shape, if anything: axes that are none, runs out of range, grids that do
    /// not fit, elements that nothing fills.
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
                "it has maps for {} axes, not {axes}",
                self.axes.len()
            ));
        }
        for (axis, along) in self.axes.iter().enumerate() {
            if let Some(problem) = along.problem(axis, shape[axis]) {
                return Some(problem);
            }
        }
        let bad = |factor: f64| !(factor >= 0.0 && factor.is_finite());
        if self.alike.is_some_and(bad) || self.alike.is_some() && !self.makes_rows() {
            return Some("only rows, of the first axis of both, can be made alike".to_owned());
        }
        match &self.rest {
            None if !self.covers(shape) => {
                Some("some of its elements come from nowhere".to_owned())
            }
            _ => None,
        }
    }

    /// Whether what [`alike`](Self::alike) needs holds, if it is asked for.
    pub(crate) fn rows_can_be_alike(&self) -> bool {
        self.alike.is_none() || self.makes_rows()
    }

    /// Whether rows of the first axis of both are picked, and all else is in place: what [alike](Self::alike) rows need.
    fn makes_rows(&self) -> bool {
        let others = self.axes.get(1..).unwrap_or_default();
        let whole = |along: &Along| matches!(along, Along::Runs(runs) if runs.len() == 1);
        self.permute.is_empty() && !self.axes.is_empty() && others.iter().all(whole)
    }

    /// Whether the source's shape has what is taken of it: the target's own shape in the source's order, or all that the axes take.
    pub fn fits(&self, source: &[usize], target: &[usize]) -> bool {
        let count = |shape: &[usize]| {
            shape
                .iter()
                .try_fold(1usize, |n, &size| n.checked_mul(size))
        };
        let seen = self.seen(source);
        seen.len() == target.len()
            && count(seen) == count(source)
            && (0..target.len()).all(|axis| {
                let size = seen[self.source_axis(axis)];
                match self.axes.get(axis) {
                    None => size == target[axis],
                    Some(along) => along.fits(size),
                }
            })
    }

    /// For each index of a range of the target's axis what it takes: the source's indices and their weights.
    ///
    /// # Panics
    /// If the load does not [fit](Self::problem) the target.
    pub fn terms(&self, axis: usize, range: Range<usize>) -> Terms {
        match self.axes.get(axis) {
            None => Terms::collect(range.map(|index| [(index, 1.0)])),
            Some(Along::Resized(resize)) => {
                let all = resize.terms();
                Terms::collect(all[range].iter().cloned())
            }
            Some(Along::Runs(runs)) => {
                let mut lists = vec![Vec::new(); range.len()];
                for run in runs {
                    let (low, high) = (run.to.max(range.start), run.target().end.min(range.end));
                    for to in low..high {
                        lists[to - range.start].push((run.from + (to - run.to), run.scale));
                    }
                }
                Terms::collect(lists)
            }
        }
    }

    /// The part of the load that makes indices `start..start + len` of an axis, as a load of that part.
    pub(crate) fn narrowed(
        mut self,
        axis: usize,
        start: usize,
        len: usize,
        shape: &[usize],
    ) -> Self {
        if self.axes.is_empty() {
            self.axes = shape
                .iter()
                .map(|&size| Along::Runs(vec![Run::new(0, 0, size)]))
                .collect();
        }
        let end = start + len;
        if let Along::Runs(runs) = &mut self.axes[axis] {
            *runs = runs
                .iter()
                .filter_map(|run| {
                    let (low, high) = (run.to.max(start), run.target().end.min(end));
                    (low < high).then(|| Run {
                        from: run.from + (low - run.to),
                        to: low - start,
                        len: high - low,
                        scale: run.scale,
                    })
                })
                .collect();
        }
        self
    }
}

/// What the indices of a target's axis take of a source's: for each a list of indices and weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    ends: Vec<usize>,
    all: Vec<(usize, f64)>,
}

impl Terms {
    fn collect<I: IntoIterator<Item = (usize, f64)>>(lists: impl IntoIterator<Item = I>) -> Self {
        let mut terms = Self::default();
        for list in lists {
            terms.all.extend(list);
            terms.ends.push(terms.all.len());
        }
        terms
    }

    /// How many indices.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no index.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What an index takes; nothing where the load does not reach it.
    pub fn of(&self, index: usize) -> &[(usize, f64)] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[index]]
    }

    /// All source indices that are taken, in order, each once.
    pub fn taken(&self) -> Vec<usize> {
        let mut taken: Vec<usize> = self.all.iter().map(|(from, _)| *from).collect();
        taken.sort_unstable();
        taken.dedup();
        taken
    }

    /// The same with places in such a list instead of indices.
    pub fn compact(mut self, taken: &[usize]) -> Self {
        for (from, _) in &mut self.all {
            *from = taken.partition_point(|index| *index < *from);
        }
        self
    }
}
