//! Names that tell tensors apart.

use std::collections::HashMap;

/// Chooses one name of each list, the earlier the better, so that no two are the same where that is possible.
///
/// All that would share a name move on to their next one, so that the outcome depends on no order.
pub(super) fn distinct(choices: &[Vec<String>]) -> Vec<usize> {
    let mut chosen = vec![0; choices.len()];
    // Moving on can meet a name in use: as many rounds as the longest list has names settle all but contrived cases,
    // and those end as a duplicate.
    for _ in 0..choices.iter().map(Vec::len).max().unwrap_or(0) {
        let mut users: HashMap<&str, usize> = HashMap::new();
        for (list, &at) in choices.iter().zip(&chosen) {
            *users.entry(&list[at]).or_default() += 1;
        }
        for (list, at) in choices.iter().zip(&mut chosen) {
            if users[&*list[*at]] > 1 && *at + 1 < list.len() {
                *at += 1;
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_names_give_way_together() {
        let lists = |lists: &[&[&str]]| -> Vec<Vec<String>> {
            let owned = |list: &&[&str]| list.iter().map(|name| name.to_string()).collect();
            lists.iter().map(owned).collect()
        };
        let choices = lists(&[
            &["a", "m/a", "p/0"],
            &["b", "m/b"],
            &["a", "n/a", "p/1"],
            &["c", "c", "p/2"],
            &["c", "c", "p/3"],
        ]);
        assert_eq!(distinct(&choices), [1, 0, 1, 2, 2]);
        assert_eq!(distinct(&lists(&[&["a"], &["a"]])), [0, 0]);
        assert!(distinct(&[]).is_empty());
    }
}
