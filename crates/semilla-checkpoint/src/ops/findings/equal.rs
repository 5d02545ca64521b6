//! Tensors that the checkpoints hold twice.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use super::loaded::Loaded;
use crate::Error;
use crate::ops::pieces::same;

/// The most contents with the same figures that are compared: more are not a coincidence, and would
/// take long to compare.
const CONTENTS: usize = 8;

/// Pairs of a tensor and the first one that has the same bytes: candidates by their
/// figures, then byte by byte.
///
/// Constants are left out, and tensors that take the same one of a checkpoint.
pub(super) fn equal(
    loaded: &[Loaded<'_>],
    stop: &AtomicBool,
) -> Result<Vec<(usize, usize)>, Error> {
    let mut alike: HashMap<(&[usize], u64, u64), Vec<usize>> = HashMap::new();
    for (place, one) in loaded.iter().enumerate() {
        let varied = one.health.range().filter(|(min, max)| min < max);
        if let (Some((min, _)), Some(rms), true) = (varied, one.health.rms(), one.is_plain()) {
            let figures = (&one.line.shape[..], min.to_bits(), rms.to_bits());
            alike.entry(figures).or_default().push(place);
        }
    }
    let mut pairs = Vec::new();
    for places in alike.into_values() {
        let mut firsts: Vec<usize> = Vec::new();
        for place in places {
            let mut found = false;
            for &first in &firsts {
                let (one, other) = (&loaded[first], &loaded[place]);
                if same(one.from, other.from, stop)? {
                    let one_tensor =
                        (one.load.source, one.from.1) == (other.load.source, other.from.1);
                    pairs.extend((!one_tensor).then_some((place, first)));
                    found = true;
                    break;
                }
            }
            if !found && firsts.len() < CONTENTS {
                firsts.push(place);
            }
        }
    }
    pairs.sort_unstable();
    Ok(pairs)
}
