//! Which samples are trained on, and which measure.

use std::collections::BTreeMap;

use crate::data::Random;

/// The part of all samples for validation, and as many for the test.
const PART: f64 = 0.15;

/// Places of samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Split {
    pub(crate) training: Vec<usize>,
    pub(crate) validation: Vec<usize>,
    pub(crate) test: Vec<usize>,
}

impl Split {
    /// Splits so many samples; of each class the same part goes everywhere. `training` is how many
    /// are trained on, at most, the classes in turns.
    pub(crate) fn new(
        count: usize,
        classes: Option<&[i64]>,
        seed: u64,
        training: Option<usize>,
    ) -> Self {
        let mut groups: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for place in 0..count {
            let class = classes.map_or(0, |classes| classes[place]);
            groups.entry(class).or_default().push(place);
        }
        let (mut validation, mut test) = (Vec::new(), Vec::new());
        let mut rests = Vec::new();
        for (class, mut group) in groups {
            Random::new(seed, &format!("split: class {class}")).shuffle(&mut group);
            let part = ((group.len() as f64 * PART).round() as usize).min(group.len() / 2);
            test.extend(group.drain(..part));
            validation.extend(group.drain(..part));
            rests.push(group);
        }
        let longest = rests.iter().map(Vec::len).max().unwrap_or(0);
        let in_turns =
            (0..longest).flat_map(|turn| rests.iter().filter_map(move |group| group.get(turn)));
        let training = in_turns
            .copied()
            .take(training.unwrap_or(usize::MAX))
            .collect();
        Self {
            training,
            validation,
            test,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_one_part_and_every_class_in_all() {
        let classes: Vec<i64> = (0..300).map(|place| i64::from(place % 3 == 0)).collect();
        let split = Split::new(300, Some(&classes), 7, None);
        let mut all = [&*split.training, &split.validation, &split.test].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..300));
        let ones = |places: &[usize]| places.iter().filter(|&&place| classes[place] == 1).count();
        assert_eq!(
            [
                ones(&split.training),
                ones(&split.validation),
                ones(&split.test)
            ],
            [70, 15, 15]
        );
        assert_ne!(split, Split::new(300, Some(&classes), 8, None));
        // Few labels: the classes in turns, validation and test as before.
        let few = Split::new(300, Some(&classes), 7, Some(10));
        assert_eq!((few.training.len(), ones(&few.training)), (10, 5));
        assert_eq!(few.test, split.test);
        assert_eq!(few.training, split.training[..10]);
    }
}
