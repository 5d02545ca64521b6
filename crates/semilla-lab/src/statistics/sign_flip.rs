//! Sign flips.

use super::draws::Draws;

/// The two-sided probability of a difference at least as far from 0 as the one found, if each of the
/// paired differences were as likely to have the other sign: Fisher, *The Design of Experiments*,
/// 1935, section 21. It asks nothing of the distribution but symmetry under the hypothesis.
///
/// The statistic is the sum of the differences. If one is infinite, because a training diverged,
/// it is the sum of signed ranks (Wilcoxon 1945), where infinite ones rank highest.
///
/// All 2ⁿ flips are counted up to n = 40 differences; beyond, 9999 of them are drawn, and the
/// probability is that of Phipson & Smyth 2010.
///
/// ```
/// use semilla_lab::statistics::sign_flip;
///
/// // All of one sign: two of the 32 flips are as far from 0.
/// assert_eq!(sign_flip(&[1.0, 2.0, 1.5, 0.5, 1.0], 0), 2.0 / 32.0);
/// assert_eq!(sign_flip(&[1.0, f64::INFINITY, 2.0], 0), 2.0 / 8.0);
/// ```
pub fn sign_flip(differences: &[f64], seed: u64) -> f64 {
    let is_finite = differences.iter().all(|difference| difference.is_finite());
    let terms = match is_finite {
        true => differences.to_vec(),
        false => signed_ranks(differences),
    };
    let found = terms.iter().sum::<f64>().abs();
    // Sums of the same terms in another order may differ by their rounding.
    let slack = 1e-12 * terms.iter().map(|term| term.abs()).sum::<f64>();
    let least = found - slack;
    if least <= 0.0 {
        return 1.0;
    }
    match terms.len() <= EXACT {
        true => counted(&terms, least),
        false => drawn(&terms, least, seed),
    }
}

const EXACT: usize = 40;
const DRAWN: u32 = 9999;

/// The part of all flips whose sum is at least so far from 0, for `least` > 0: every sum is one of
/// the first half of the terms and one of the second.
fn counted(terms: &[f64], least: f64) -> f64 {
    let (first, second) = terms.split_at(terms.len() / 2);
    let mut second = sums(second);
    second.sort_by(f64::total_cmp);
    // By symmetry as many are below as above.
    let above = |sum: f64| second.len() - second.partition_point(|other| sum + other < least);
    let above: usize = sums(first).into_iter().map(above).sum();
    2.0 * above as f64 / libm::exp2(terms.len() as f64)
}

/// The sums of all flips.
fn sums(terms: &[f64]) -> Vec<f64> {
    terms.iter().fold(vec![0.0], |sums, term| {
        let both = sums.iter().flat_map(|sum| [sum + term, sum - term]);
        both.collect()
    })
}

fn drawn(terms: &[f64], least: f64, seed: u64) -> f64 {
    let mut draws = Draws::new(seed, "sign flips");
    let mut sum = || {
        let flipped = terms.iter().map(|term| match draws.below(2) {
            0 => -term,
            _ => *term,
        });
        flipped.sum::<f64>()
    };
    let far = (0..DRAWN).filter(|_| sum().abs() >= least).count();
    (far + 1) as f64 / f64::from(DRAWN + 1)
}

/// The ranks of the absolute values from 1, the mean rank where several are equal, with their
/// values' signs; 0 where the value is.
fn signed_ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let size = value.abs();
        let below = values.iter().filter(|other| other.abs() < size).count();
        let equal = values.iter().filter(|other| other.abs() == size).count();
        let rank = below as f64 + (equal as f64 + 1.0) / 2.0;
        match *value == 0.0 {
            true => 0.0,
            false => rank.copysign(*value),
        }
    };
    values.iter().map(rank).collect()
}

/// The one-sided probability of signed ranks at least as high as those found (Wilcoxon 1945), all
/// flips counted: small where the differences are above 0.
pub(crate) fn signed_rank_above(differences: &[f64]) -> f64 {
    let ranks = signed_ranks(differences);
    let found = ranks.iter().sum::<f64>();
    // Ranks are halves, whose sums are exact.
    let all = sums(&ranks);
    all.iter().filter(|&&sum| sum >= found).count() as f64 / all.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Darwin's maize, crossed minus self-fertilized, eighths of an inch: Fisher 1935, section 21,
    /// counts 1726 of 32768 flips as far from 0, 863 above.
    const DARWIN: [f64; 15] = [
        49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0,
    ];

    #[test]
    fn darwins_maize() {
        assert_eq!(sign_flip(&DARWIN, 0), 1726.0 / 32768.0);
        let drawn = drawn(&DARWIN, 314.0, 0);
        assert!((drawn - 0.0527).abs() < 0.009, "{drawn}");
    }

    #[test]
    fn few_seeds_cannot_show_anything() {
        for (count, least) in [(1, 1.0), (3, 0.25), (5, 0.0625), (6, 0.031_25)] {
            assert_eq!(sign_flip(&vec![1e9; count], 0), least);
        }
        assert_eq!(sign_flip(&[0.0, 0.0], 0), 1.0);
        assert_eq!(sign_flip(&[], 0), 1.0);
    }

    #[test]
    fn infinite_differences_rank_highest() {
        let ranks = signed_ranks(&[-1.0, f64::INFINITY, 0.0, 1.0, f64::NEG_INFINITY]);
        assert_eq!(ranks, [-2.5, 4.5, 0.0, 2.5, -4.5]);
        let always = [f64::INFINITY; 8];
        assert_eq!(sign_flip(&always, 0), 2.0 / 256.0);
    }

    #[test]
    fn ranks_of_wilcoxons_table() {
        // n = 5: the sum of positive ranks is 14 or more in 2 of 32 flips; 1 to 5 but −1.
        assert_eq!(signed_rank_above(&[-1.0, 2.0, 3.0, 4.0, 5.0]), 2.0 / 32.0);
        assert_eq!(signed_rank_above(&[1.0, 2.0, 3.0]), 1.0 / 8.0);
    }
}
