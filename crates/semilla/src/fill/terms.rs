//! The source's indices that an axis of a target takes, with their weights.

/// For each index of a target's axis the indices of the source's that it takes, with weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    ends: Vec<usize>,
    all: Vec<(usize, f64)>,
}

impl Terms {
    pub(super) fn collect<I: IntoIterator<Item = (usize, f64)>>(
        lists: impl IntoIterator<Item = I>,
    ) -> Self {
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

    /// Whether it has no indices.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The source indices that an index takes, with weights; none where the load does not reach it.
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
