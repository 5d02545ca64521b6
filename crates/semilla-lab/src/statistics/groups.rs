//! Groups in place of forced ranks.

/// The largest sets of arms no two of which differ: every arm is in one or more, and two that
/// differ are in none together. These are the letters of a compact letter display (Piepho 2004).
///
/// Arms come in the order of `order`, and the sets by their first arms in it.
///
/// ```
/// use semilla_lab::statistics::groups;
///
/// // The first and the last differ; the middle one differs from neither.
/// let found = groups(&[0, 1, 2], |a, b| a.min(b) == 0 && a.max(b) == 2);
/// assert_eq!(found, [[0, 1], [1, 2]]);
/// ```
pub fn groups(order: &[usize], is_different: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    // The columns of the display: a difference within a set splits it in two, and sets within
    // others go ("insert and absorb").
    let mut sets = vec![order.to_vec()];
    for (place, &a) in order.iter().enumerate() {
        for &b in &order[place + 1..] {
            if is_different(a, b) {
                sets = sets.into_iter().flat_map(|set| split(set, a, b)).collect();
                sets = maximal(sets);
            }
        }
    }
    let rank = |arm: &usize| order.iter().position(|other| other == arm);
    sets.sort_by_key(|set| set.iter().map(rank).collect::<Vec<_>>());
    sets.retain(|set| !set.is_empty());
    sets
}

fn split(set: Vec<usize>, a: usize, b: usize) -> Vec<Vec<usize>> {
    if !(set.contains(&a) && set.contains(&b)) {
        return vec![set];
    }
    let without = |out: usize| set.iter().copied().filter(|&arm| arm != out).collect();
    vec![without(a), without(b)]
}

/// Those sets that lie in no other, each once.
fn maximal(mut sets: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let mut kept: Vec<Vec<usize>> = Vec::new();
    for set in sets {
        let lies_in = |other: &Vec<usize>| set.iter().all(|arm| other.contains(arm));
        if !kept.iter().any(lies_in) {
            kept.push(set);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_difference_is_one_group() {
        assert_eq!(groups(&[2, 0, 1], |_, _| false), [[2, 0, 1]]);
        assert_eq!(groups(&[1, 0], |_, _| true), [[1], [0]]);
        assert!(groups(&[], |_, _| true).is_empty());
    }

    #[test]
    fn groups_are_all_cliques() {
        // Every graph of 5 arms: the groups are its maximal cliques, found by trying all sets.
        let pairs: Vec<(usize, usize)> = (0..5)
            .flat_map(|a| (a + 1..5).map(move |b| (a, b)))
            .collect();
        for graph in 0..1u32 << pairs.len() {
            let differs = |a: usize, b: usize| {
                let pair = (a.min(b), a.max(b));
                let bit = pairs.iter().position(|other| *other == pair).unwrap();
                graph >> bit & 1 == 1
            };
            let is_clique = |set: u32| {
                pairs
                    .iter()
                    .all(|&(a, b)| set >> a & 1 == 0 || set >> b & 1 == 0 || !differs(a, b))
            };
            let cliques: Vec<u32> = (1..32).filter(|&set| is_clique(set)).collect();
            let is_maximal = |set: &&u32| !cliques.iter().any(|o| o != *set && o & **set == **set);
            let mut expected: Vec<u32> = cliques.iter().filter(is_maximal).copied().collect();
            let found = groups(&[0, 1, 2, 3, 4], differs);
            let mut found: Vec<u32> = found
                .iter()
                .map(|set| set.iter().map(|arm| 1 << arm).sum())
                .collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected);
        }
    }
}
