//! "Did you mean": finds the known name nearest to an unknown one.

const MEANT: &str = "did you mean";

/// `; did you mean "..."?` if a known name is near enough, otherwise the empty text.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let allowed = 1 + name.chars().count() / 4;
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map_or(String::new(), |(_, candidate)| {
            format!("; {MEANT} {candidate:?}?")
        })
}

/// What serde says of a word that it does not know, before and after the word.
const UNKNOWN: [(&str, &str); 2] = [("unknown field `", "`, "), ("unknown variant `", "`, ")];

/// `; did you mean "..."?` to put after a message of serde's that lists what it expects, or
/// nothing if there is none or the message has it.
///
/// Serde's messages are the one place that knows the fields of every table in a recipe.
pub(crate) fn expected_word(message: &str) -> String {
    if message.contains(MEANT) {
        return String::new();
    }
    let found = UNKNOWN.iter().find_map(|(before, after)| {
        let (_, rest) = message.split_once(before)?;
        rest.split_once(after)
    });
    match found {
        Some((word, list)) => did_you_mean(word, quoted(list)),
        None => String::new(),
    }
}

/// The words between backticks.
fn quoted(list: &str) -> impl Iterator<Item = &str> {
    list.split('`').skip(1).step_by(2)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment; Damerau
/// 1964).
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 100;
    let a: Vec<char> = a.to_lowercase().chars().take(LONGEST).collect();
    let b: Vec<char> = b.to_lowercase().chars().take(LONGEST).collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j - 1] + same)
                .min(rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_not() {
        let known = ["gpt2", "llama", "bert", "resnet"];
        assert_eq!(
            did_you_mean("lama", known.into_iter()),
            "; did you mean \"llama\"?"
        );
        assert_eq!(
            did_you_mean("bret", known.into_iter()),
            "; did you mean \"bert\"?"
        );
        assert_eq!(did_you_mean("convnext", known.into_iter()), "");
        assert_eq!(did_you_mean("", known.into_iter()), "");
    }

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn words_near_to_the_listed_ones_are_suggested() {
        let one_of = "unknown field `colour`, expected one of `color`, `size`";
        assert_eq!(expected_word(one_of), "; did you mean \"color\"?");
        let nested = "set: unknown variant `konv`, expected `conv` or `linear`";
        assert_eq!(expected_word(nested), "; did you mean \"conv\"?");
        let far = "unknown field `x`, expected `match`";
        assert_eq!(expected_word(far), "");
        assert_eq!(expected_word("unknown field `x`, there are no fields"), "");
        assert_eq!(expected_word("missing field `name`"), "");
        let answered = format!("{one_of}{}", expected_word(one_of));
        assert_eq!(expected_word(&answered), "");
    }
}
