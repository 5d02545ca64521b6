//! The axes of a signal, and averages over pairs of its elements.

use std::sync::Arc;

/// The axes of a signal. Each is made of atoms, outer first: an axis that was reshaped from
/// several keeps them apart. Axes of size 1 have none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axes(Arc<[Vec<usize>]>);

/// A set of atoms: bit i stands for the i-th atom of all axes in order. Of a pair of elements, the
/// atoms in which they are apart.
pub(super) type Mask = usize;

/// More atoms than this are not followed: a kernel has two to the power of them numbers.
const MOST: usize = 8;

impl Axes {
    /// An atom for each axis; `None` if there are too many.
    pub(super) fn of(shape: &[usize]) -> Option<Self> {
        let atoms = |&size: &usize| if size == 1 { vec![] } else { vec![size] };
        Self::new(shape.iter().map(atoms).collect())
    }

    pub(super) fn new(axes: Vec<Vec<usize>>) -> Option<Self> {
        let axes = Self(axes.into());
        (axes.count() <= MOST).then_some(axes)
    }

    pub(super) fn rank(&self) -> usize {
        self.0.len()
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        self.0.iter().map(|atoms| atoms.iter().product()).collect()
    }

    pub(super) fn size(&self, axis: usize) -> usize {
        self.0[axis].iter().product()
    }

    pub(super) fn axis(&self, axis: usize) -> &[usize] {
        &self.0[axis]
    }

    /// Whether a shape broadcasts to them, and they keep theirs.
    pub(super) fn take(&self, shape: &[usize]) -> bool {
        let Some(before) = self.rank().checked_sub(shape.len()) else {
            return false;
        };
        let mut all = shape.iter().enumerate();
        all.all(|(axis, &size)| size == 1 || size == self.size(before + axis))
    }

    /// The number of elements.
    pub(super) fn elements(&self) -> f64 {
        self.atoms().map(|size| size as f64).product()
    }

    pub(super) fn atoms(&self) -> impl Iterator<Item = usize> {
        self.0.iter().flatten().copied()
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The atoms of an axis.
    pub(super) fn mask(&self, axis: usize) -> Mask {
        let before: usize = self.0[..axis].iter().map(Vec::len).sum();
        ((1 << self.0[axis].len()) - 1) << before
    }

    /// The atoms of several axes.
    pub(super) fn masks(&self, axes: impl IntoIterator<Item = usize>) -> Mask {
        axes.into_iter()
            .fold(0, |mask, axis| mask | self.mask(axis))
    }

    pub(super) fn all(&self) -> Mask {
        (1 << self.count()) - 1
    }

    /// The number of places along the atoms of a mask.
    pub(super) fn places(&self, mask: Mask) -> f64 {
        let within = self
            .atoms()
            .enumerate()
            .filter(|(atom, _)| mask >> atom & 1 == 1);
        within.map(|(_, size)| size as f64).product()
    }

    /// The same elements under a new shape, and for each new atom the old one that it is of; `None`
    /// if atoms would have to be joined and cut elsewhere.
    pub(super) fn reshaped(&self, shape: &[usize]) -> Option<(Self, Vec<Option<usize>>)> {
        let mut rest: Vec<(usize, usize)> = self.atoms().enumerate().collect();
        rest.reverse();
        let (mut axes, mut sources) = (Vec::new(), Vec::new());
        for &size in shape {
            let mut missing = size;
            let mut atoms = Vec::new();
            while missing > 1 {
                let (atom, of) = rest.pop()?;
                let taken = match () {
                    () if missing % of == 0 => of,
                    () if of % missing == 0 => {
                        rest.push((atom, of / missing));
                        missing
                    }
                    () => return None,
                };
                atoms.push(taken);
                sources.push(Some(atom));
                missing /= taken;
            }
            axes.push(atoms);
        }
        rest.is_empty().then_some((Self::new(axes)?, sources))
    }

    /// Axes in a new order, and the old atom of each new one.
    pub(super) fn transposed(&self, order: &[usize]) -> (Self, Vec<Option<usize>>) {
        let axes = order.iter().map(|&axis| self.0[axis].clone()).collect();
        let first = |axis: usize| self.mask(axis).trailing_zeros() as usize;
        let sources = order.iter().flat_map(|&axis| {
            let first = first(axis);
            (0..self.0[axis].len()).map(move |i| Some(first + i))
        });
        (Self(axes), sources.collect())
    }

    /// The same sizes in the finest atoms of both along each axis but one, and for each new atom the
    /// own one that it is of; `None` if their cuts do not fit.
    pub(super) fn cut_as(&self, other: &Self, but: usize) -> Option<(Self, Vec<Option<usize>>)> {
        let (mut axes, mut sources) = (Vec::new(), Vec::new());
        for (axis, own) in self.0.iter().enumerate() {
            let first = self.0[..axis].iter().map(Vec::len).sum::<usize>();
            let (atoms, from) = match other.0.get(axis)? {
                theirs if axis == but || theirs == own => (own.clone(), (0..own.len()).collect()),
                theirs => {
                    let (atoms, from, _) = common(own, theirs)?;
                    (atoms, from)
                }
            };
            sources.extend(from.iter().map(|i| Some(first + i)));
            axes.push(atoms);
        }
        Some((Self::new(axes)?, sources))
    }

    /// What two signals broadcast to, and for each its atoms of the new ones. Axes that both have
    /// must be of the same atoms, up to a cut of one side's.
    pub(super) fn broadcast(&self, other: &Self) -> Option<Broadcast> {
        let rank = self.rank().max(other.rank());
        let of = |axes: &Self, axis: usize| -> Option<(usize, Vec<usize>)> {
            let own = (axis + axes.rank()).checked_sub(rank)?;
            let first = axes.0[..own].iter().map(Vec::len).sum();
            Some((first, axes.0[own].clone()))
        };
        let mut made = Broadcast::default();
        let mut axes = Vec::new();
        for axis in 0..rank {
            let (a, b) = (of(self, axis), of(other, axis));
            let (first_a, a) = a.unwrap_or_default();
            let (first_b, b) = b.unwrap_or_default();
            let atoms = match (a.is_empty(), b.is_empty()) {
                (_, true) => {
                    made.first.extend((0..a.len()).map(|i| Some(first_a + i)));
                    made.second.extend(a.iter().map(|_| None));
                    a
                }
                (true, _) => {
                    made.first.extend(b.iter().map(|_| None));
                    made.second.extend((0..b.len()).map(|i| Some(first_b + i)));
                    b
                }
                _ => {
                    let (atoms, from_a, from_b) = common(&a, &b)?;
                    made.first.extend(from_a.iter().map(|i| Some(first_a + i)));
                    made.second.extend(from_b.iter().map(|i| Some(first_b + i)));
                    atoms
                }
            };
            axes.push(atoms);
        }
        made.axes = Self::new(axes)?;
        Some(made)
    }
}

/// Two signals' axes brought together.
pub(super) struct Broadcast {
    pub(super) axes: Axes,
    /// For each atom the one of the first signal; `None` where it is repeated.
    pub(super) first: Vec<Option<usize>>,
    pub(super) second: Vec<Option<usize>>,
}

impl Default for Broadcast {
    fn default() -> Self {
        Self {
            axes: Axes([].into()),
            first: Vec::new(),
            second: Vec::new(),
        }
    }
}

/// The common cut of two lists of atoms with one product, and for each piece the atoms that it is
/// of.
fn common(a: &[usize], b: &[usize]) -> Option<(Vec<usize>, Vec<usize>, Vec<usize>)> {
    let (mut i, mut j) = (0, 0);
    let (mut rest_a, mut rest_b) = (*a.first()?, *b.first()?);
    let (mut atoms, mut from_a, mut from_b) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        // Outer first: the larger is cut from its outside by the other's inside sizes.
        let (small, large) = (rest_a.min(rest_b), rest_a.max(rest_b));
        if large % small != 0 {
            return None;
        }
        atoms.push(small);
        from_a.push(i);
        from_b.push(j);
        (rest_a, rest_b) = (rest_a / small, rest_b / small);
        if rest_a == 1 {
            i += 1;
            rest_a = a.get(i).copied().unwrap_or(1);
        }
        if rest_b == 1 {
            j += 1;
            rest_b = b.get(j).copied().unwrap_or(1);
        }
        match (i == a.len(), j == b.len()) {
            (true, true) => return Some((atoms, from_a, from_b)),
            (false, false) => {}
            _ => return None,
        }
    }
}

/// The old mask that a new one means.
pub(super) fn old_mask(mask: Mask, sources: &[Option<usize>]) -> Mask {
    let apart = sources
        .iter()
        .enumerate()
        .filter(|(new, _)| mask >> new & 1 == 1);
    apart.fold(0, |old, (_, source)| {
        old | source.map_or(0, |atom| 1 << atom)
    })
}

/// The new atoms that are of some old ones.
pub(super) fn new_mask(mask: Mask, sources: &[Option<usize>]) -> Mask {
    let own = sources.iter().enumerate();
    let kept = own.filter(|(_, source)| source.is_some_and(|atom| mask >> atom & 1 == 1));
    kept.fold(0, |mask, (atom, _)| mask | 1 << atom)
}

/// For each of so many old atoms the first new one that is of it: the sources of the way back.
pub(super) fn first_of(sources: &[Option<usize>], count: usize) -> Vec<Option<usize>> {
    (0..count)
        .map(|old| sources.iter().position(|source| *source == Some(old)))
        .collect()
}

/// A kernel over new atoms, each of which is an old one or a part of it, or repeats.
pub(super) fn viewed(kernel: &[f64], sources: &[Option<usize>]) -> Vec<f64> {
    let masks = 0..1 << sources.len();
    masks.map(|mask| kernel[old_mask(mask, sources)]).collect()
}

/// A kernel over whole atoms, from one over their parts: the mean over all pairs that are apart in
/// any part of an atom. `into` has for each of the parts the atom that it is of, of so many; pairs
/// that are apart in a part of none do not count.
pub(super) fn gathered(
    kernel: &[f64],
    parts: &Axes,
    into: &[Option<usize>],
    count: usize,
) -> Vec<f64> {
    let sizes: Vec<usize> = parts.atoms().collect();
    let mut sums = vec![(0.0, 0.0); 1 << count];
    for (mask, k) in kernel.iter().enumerate() {
        let apart = || (0..sizes.len()).filter(|atom| mask >> atom & 1 == 1);
        if apart().any(|atom| into[atom].is_none()) {
            continue;
        }
        let pairs: f64 = apart().map(|atom| sizes[atom] as f64 - 1.0).product();
        let (sum, all) = &mut sums[old_mask(mask, into)];
        *sum += pairs * k;
        *all += pairs;
    }
    sums.into_iter().map(|(sum, all)| sum / all).collect()
}

/// The kernel of what is left when each element is replaced by the mean over the places of some
/// atoms: `K[m]` averaged over pairs of places there, equal ones too. It has as many numbers as
/// before, those of masks that differ in these atoms only being equal.
pub(super) fn averaged(kernel: &[f64], axes: &Axes, over: Mask) -> Vec<f64> {
    let mut result = kernel.to_vec();
    for (atom, size) in axes.atoms().enumerate() {
        let bit = 1 << atom;
        if over & bit == 0 {
            continue;
        }
        let same = 1.0 / size as f64;
        for mask in (0..result.len()).filter(|mask| mask & bit == 0) {
            let mean = same * result[mask] + (1.0 - same) * result[mask | bit];
            (result[mask], result[mask | bit]) = (mean, mean);
        }
    }
    result
}

/// The mean of a function of pairs, by mask, over all pairs of places along some atoms, equal ones
/// too: what [`averaged`] has of an element with itself.
pub(super) fn mean_over(axes: &Axes, over: Mask, of: impl Fn(Mask) -> f64) -> f64 {
    let (mut sizes, mut bits) = ([1.0; MOST], [0; MOST]);
    let mut count = 0;
    for (atom, size) in axes.atoms().enumerate() {
        if over >> atom & 1 == 1 {
            (sizes[count], bits[count]) = (size as f64, 1 << atom);
            count += 1;
        }
    }
    let mut sum = 0.0;
    for pairs in 0..1 << count {
        let (mut mask, mut share) = (0, 1.0);
        for atom in 0..count {
            let same = 1.0 / sizes[atom];
            match pairs >> atom & 1 {
                0 => share *= same,
                _ => (mask, share) = (mask | bits[atom], share * (1.0 - same)),
            }
        }
        sum += share * of(mask);
    }
    sum
}

/// The kernel of pairs that agree in some atoms, without these atoms.
pub(super) fn without(kernel: &[f64], atoms: Mask) -> Vec<f64> {
    let kept = (0..kernel.len()).filter(|mask| mask & atoms == 0);
    kept.map(|mask| kernel[mask]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshaping_cuts_and_keeps_atoms() {
        let axes = Axes::of(&[2, 12, 5]).unwrap();
        let (cut, sources) = axes.reshaped(&[2, 3, 4, 5]).unwrap();
        assert_eq!(cut.shape(), [2, 3, 4, 5]);
        assert_eq!(sources, [Some(0), Some(1), Some(1), Some(2)]);
        let (flat, sources) = cut.reshaped(&[2, 60]).unwrap();
        assert_eq!((flat.shape(), flat.count()), (vec![2, 60], 4));
        assert_eq!(sources, [Some(0), Some(1), Some(2), Some(3)]);
        assert!(axes.reshaped(&[5, 24]).is_none());
        let (one, _) = axes.reshaped(&[1, 2, 1, 12, 5]).unwrap();
        assert_eq!(one.count(), 3);
    }

    #[test]
    fn broadcasting_repeats_atoms() {
        let (a, b) = (Axes::of(&[4, 6, 3]).unwrap(), Axes::of(&[6, 1]).unwrap());
        let both = a.broadcast(&b).unwrap();
        assert_eq!(both.axes.shape(), [4, 6, 3]);
        assert_eq!(both.first, [Some(0), Some(1), Some(2)]);
        assert_eq!(both.second, [None, Some(0), None]);
        let cut = a
            .reshaped(&[4, 2, 3, 3])
            .unwrap()
            .0
            .reshaped(&[4, 6, 3])
            .unwrap()
            .0;
        let both = cut.broadcast(&b).unwrap();
        assert_eq!(both.second, [None, Some(0), Some(0), None]);
        assert!(a.broadcast(&Axes::of(&[5, 3]).unwrap()).is_none());
        assert!(a.take(&[6, 1]) && a.take(&[]) && !a.take(&[5, 3]) && !a.take(&[1, 4, 6, 3]));
    }

    #[test]
    fn parts_are_gathered_by_pairs() {
        // Six places as three blocks of two: 5 pairs with one, of which 2 are in the same phase, 2
        // in none of both and 1 in the same block.
        let parts = Axes::new(vec![vec![3, 2]]).unwrap();
        let found = gathered(&[9.0, 4.0, 1.0, 2.0], &parts, &[Some(0), Some(0)], 1);
        assert_eq!(found, [9.0, (2.0 * 4.0 + 1.0 + 2.0 * 2.0) / 5.0]);
        let image = Axes::of(&[5, 6]).unwrap();
        let cut = Axes::new(vec![vec![5], vec![3, 2]]).unwrap();
        let (made, sources) = image.cut_as(&cut, 0).unwrap();
        assert_eq!((made, sources), (cut, vec![Some(0), Some(1), Some(1)]));
        let other = Axes::new(vec![vec![5], vec![4]]).unwrap();
        assert!(image.cut_as(&other, 0).is_none());
    }

    #[test]
    fn averages_are_over_all_pairs() {
        // Two samples of three units: equal elements 4, equal samples 1, equal units 2, else 0.
        let axes = Axes::of(&[2, 3]).unwrap();
        let kernel = [4.0, 2.0, 1.0, 0.0];
        let over_units = averaged(&kernel, &axes, axes.mask(1));
        assert_eq!(over_units, [2.0, 2.0 / 3.0, 2.0, 2.0 / 3.0]);
        assert_eq!(without(&over_units, axes.mask(1)), [2.0, 2.0 / 3.0]);
        let all = averaged(&kernel, &axes, axes.all());
        assert!((all[0] - (4.0 + 2.0 + 2.0) / 6.0).abs() < 1e-15);
        for over in 0..4 {
            let mean = mean_over(&axes, over, |mask| kernel[mask]);
            assert!((mean - averaged(&kernel, &axes, over)[0]).abs() < 1e-15);
        }
    }
}
