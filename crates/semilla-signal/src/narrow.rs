//! The values through which everything goes: the main path of a network.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// For each step, whether all signals go through its only output at that moment: nothing that was
/// made before is taken after it. In a residual network these are the sums that end blocks.
///
/// A step is the signals that it takes and those that it makes.
pub(crate) fn narrows<V: Copy + Eq + Hash>(inputs: &[V], steps: &[(&[V], &[V])]) -> Vec<Option<V>> {
    let mut last_use: HashMap<V, usize, RandomState> = HashMap::default();
    for (place, (taken, _)) in steps.iter().enumerate() {
        last_use.extend(taken.iter().map(|&value| (value, place)));
    }
    let mut open = inputs
        .iter()
        .filter(|input| last_use.contains_key(input))
        .count();
    let found = steps.iter().enumerate().map(|(place, (taken, made))| {
        let mut closed = 0;
        for (at, value) in taken.iter().enumerate() {
            let is_last = last_use.get(value) == Some(&place);
            closed += usize::from(is_last && !taken[..at].contains(value));
        }
        open = open.saturating_sub(closed);
        let mut lasting = made
            .iter()
            .copied()
            .filter(|value| last_use.contains_key(value));
        let (first, more) = (lasting.next(), lasting.count());
        open += usize::from(first.is_some()) + more;
        first.filter(|_| more == 0 && open == 1)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_end_blocks_are_narrow() {
        // x -> a -> b, x + b = c -> d
        let steps: [(&[u8], &[u8]); 4] =
            [(&[0], &[1]), (&[1], &[2]), (&[0, 2], &[3]), (&[3], &[4])];
        assert_eq!(narrows(&[0], &steps), [None, None, Some(3), None]);
        let chain: [(&[u8], &[u8]); 2] = [(&[0], &[1]), (&[1, 1], &[2])];
        assert_eq!(narrows(&[0], &chain), [Some(1), None]);
    }
}
