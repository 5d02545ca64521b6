//! Questions to a load: what it takes, what it reaches, whether it fits.

use std::ops::Range;

use super::along::{Along, Run};
use super::kinds::Load;
use super::terms::Terms;

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

    /// Whether bytes are copied in their stored order.
    pub fn is_plain(&self) -> bool {
        self.permute.is_empty() && self.axes.is_empty()
    }

    /// Whether every element is one of the source's as it is: nothing is added, scaled or
    /// interpolated.
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

    /// How many elements come from the source; [`u64::MAX`] for more than it counts.
    pub fn elements(&self, shape: &[usize]) -> u64 {
        if self.axes.is_empty() {
            return product(shape.iter().map(|&size| size as u64));
        }
        let mut reached: Vec<u64> = self.axes.iter().map(Along::reached).collect();
        if self.alike.is_some() {
            reached[0] = shape[0] as u64;
        }
        product(reached)
    }

    /// Whether no element is left for [`rest`](Self::rest).
    pub fn covers(&self, shape: &[usize]) -> bool {
        self.elements(shape) == product(shape.iter().map(|&size| size as u64))
    }

    /// The first problem of the load for a target of this shape: an invalid order of axes,
    /// runs out of range, grids that do not fit, elements that nothing fills.
    pub fn problem(&self, shape: &[usize]) -> Option<String> {
        let axes = shape.len();
        if !self.permute.is_empty() {
            let mut seen = self.permute.clone();
            seen.sort_unstable();
            if !seen.into_iter().eq(0..axes) {
                return Some(format!(
                    "permute {:?} is not an order of {axes} axes",
                    self.permute
                ));
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
                Some("some of its elements come from nowhere; give the load a rest".to_owned())
            }
            _ => None,
        }
    }

    /// Whether what [`alike`](Self::alike) needs holds, if it is asked for.
    pub(crate) fn rows_can_be_alike(&self) -> bool {
        self.alike.is_none() || self.makes_rows()
    }

    /// Whether rows of the first axis of both are picked, and all else is in place: what
    /// [alike](Self::alike) rows need.
    fn makes_rows(&self) -> bool {
        let others = self.axes.get(1..).unwrap_or_default();
        let whole = |along: &Along| matches!(along, Along::Runs(runs) if runs.len() == 1);
        self.permute.is_empty() && !self.axes.is_empty() && others.iter().all(whole)
    }

    /// Whether the source's shape has what is taken of it: the target's own shape in the source's
    /// order, or all that the axes take.
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

    /// For each index of a range of the target's axis what it takes: the source's indices and their
    /// weights.
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

    /// The part of the load that makes indices `start..start + len` of an axis, as a load of that
    /// part.
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

fn product(sizes: impl IntoIterator<Item = u64>) -> u64 {
    sizes.into_iter().fold(1, u64::saturating_mul)
}
