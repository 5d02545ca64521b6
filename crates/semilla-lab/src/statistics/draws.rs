//! Random numbers for resampling.

use semilla::stream::Stream;

/// Random numbers, one after the other, of a seed and a name: the same ones everywhere.
///
/// ```
/// use semilla_lab::statistics::Draws;
///
/// let (mut a, mut b) = (Draws::new(0, "a"), Draws::new(0, "a"));
/// assert_eq!(a.below(10), b.below(10));
/// ```
#[derive(Clone, Debug)]
pub struct Draws {
    stream: Stream,
    next: u64,
}

impl Draws {
    /// The numbers of a seed and a name.
    pub fn new(seed: u64, name: &str) -> Self {
        Self {
            stream: Stream::new(seed, name),
            next: 0,
        }
    }

    /// A whole number below `end`, each as likely as the others but for `end` / 2³²; 0 if `end` is.
    pub fn below(&mut self, end: usize) -> usize {
        let word = self.stream.word(self.next);
        self.next += 1;
        ((u128::from(word) * end as u128) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_come_about_as_often() {
        let mut draws = Draws::new(0, "a die");
        let mut counts = [0; 6];
        for _ in 0..6000 {
            counts[draws.below(6)] += 1;
        }
        // Six standard deviations.
        assert!(
            counts.iter().all(|count| (820..1180).contains(count)),
            "{counts:?}"
        );
        assert_eq!((draws.below(1), draws.below(0)), (0, 0));
    }
}
