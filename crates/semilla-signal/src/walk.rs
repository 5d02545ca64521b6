//! Walks over several arrays at once, each with its own strides.

use crate::array::strides;

/// Visits all positions of a shape in row-major order. `f` is called for runs along the last axis:
/// with the offset of each array at the run's start, the run's length, and the stride of each
/// array along it.
pub(crate) fn walk<const N: usize>(
    shape: &[usize],
    starts: [isize; N],
    strides: [&[isize]; N],
    mut f: impl FnMut([isize; N], usize, [isize; N]),
) {
    if shape.contains(&0) {
        return;
    }
    let axes = merged(shape, strides);
    let Some((&(run, run_strides), outer)) = axes.split_last() else {
        return f(starts, 1, [1; N]);
    };
    let mut index = vec![0; outer.len()];
    let mut offsets = starts;
    loop {
        f(offsets, run, run_strides);
        let mut axis = outer.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            let (size, steps) = outer[axis];
            index[axis] += 1;
            (0..N).for_each(|n| offsets[n] += steps[n]);
            if index[axis] < size {
                break;
            }
            index[axis] = 0;
            (0..N).for_each(|n| offsets[n] -= steps[n] * size as isize);
        }
    }
}

/// Axes without those of size 1, neighbours joined where one walk covers both.
fn merged<const N: usize>(shape: &[usize], strides: [&[isize]; N]) -> Vec<(usize, [isize; N])> {
    let mut axes: Vec<(usize, [isize; N])> = Vec::new();
    for (axis, &size) in shape.iter().enumerate() {
        if size == 1 {
            continue;
        }
        let steps = strides.map(|strides| strides[axis]);
        match axes.last_mut() {
            Some((before, outer)) if (0..N).all(|n| outer[n] == steps[n] * size as isize) => {
                *before *= size;
                *outer = steps;
            }
            _ => axes.push((size, steps)),
        }
    }
    axes
}

/// The shape that two broadcast to, by NumPy's rule.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| {
        let missing = rank - shape.len();
        if axis < missing {
            1
        } else {
            shape[axis - missing]
        }
    };
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (a, b) if a == b => Some(a),
            (1, size) | (size, 1) => Some(size),
            _ => None,
        })
        .collect()
}

/// The strides of an array of shape `from` seen as one of shape `to`, to which it broadcasts.
pub(crate) fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<isize> {
    let own = strides(from);
    let missing = to.len() - from.len();
    let stride = |axis: usize| match axis.checked_sub(missing) {
        Some(axis) if from[axis] != 1 => own[axis],
        _ => 0,
    };
    (0..to.len()).map(stride).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited(shape: &[usize], strides: &[isize]) -> Vec<isize> {
        let mut found = Vec::new();
        walk(shape, [0], [strides], |[at], run, [step]| {
            found.extend((0..run as isize).map(|i| at + i * step));
        });
        found
    }

    #[test]
    fn in_row_major_order() {
        assert_eq!(visited(&[2, 3], &[3, 1]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(visited(&[3, 2], &[1, 3]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(visited(&[2, 1, 2], &[0, 7, 1]), [0, 1, 0, 1]);
        assert_eq!(visited(&[3], &[-1]), [0, -1, -2]);
        assert_eq!(visited(&[], &[]), [0]);
        assert_eq!(visited(&[1, 1], &[5, 5]), [0]);
        assert_eq!(visited(&[2, 0], &[0, 1]), []);
    }

    #[test]
    fn broadcasts_by_numpys_rule() {
        assert_eq!(broadcast(&[3, 1], &[4]), Some(vec![3, 4]));
        assert_eq!(broadcast(&[], &[2]), Some(vec![2]));
        assert_eq!(broadcast(&[2], &[3]), None);
        assert_eq!(broadcast(&[1], &[0]), Some(vec![0]));
        assert_eq!(broadcast_strides(&[3, 1], &[2, 3, 4]), [0, 1, 0]);
    }
}
