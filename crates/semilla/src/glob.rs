//! Matches names against globs: `*` stands for any run of characters, `?` for exactly one.

/// Whether the glob matches the whole name.
pub fn glob_match(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut g, mut n) = (0, 0);
    // Where to resume after a mismatch: the last star, and the first character it has not taken.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match glob.get(g) {
            Some('*') => {
                retry = Some((g, n));
                g += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                g += 1;
                n += 1;
            }
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    g = star + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::glob_match;

    #[test]
    fn globs() {
        for (glob, name, matches) in [
            ("*", "", true),
            ("*", "a.b", true),
            ("*.weight", "a.b.weight", true),
            ("*.weight", "weight", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("h.?.w", "h.3.w", true),
            ("h.?.w", "h.12.w", false),
            ("", "", true),
            ("", "a", false),
            ("**a", "ba", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(glob_match(glob, name), matches, "{glob} {name}");
        }
        // Linear in practice: no exponential backtracking.
        assert!(!glob_match(
            &"a*".repeat(30),
            &"a".repeat(5000).replace("aa", "ab").replace('a', "c")
        ));
    }
}
