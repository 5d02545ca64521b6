//! Which bytes of a tensor have been written.

use std::collections::BTreeMap;
use std::ops::Range;

/// The written bytes as ranges, by start: disjoint, and merged where they touch.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    ends: BTreeMap<u64, u64>,
}

/// A byte of the range was written before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overlap;

impl Coverage {
    /// Adds bytes, each for the first time.
    pub(crate) fn add(&mut self, range: Range<u64>) -> Result<(), Overlap> {
        if range.is_empty() {
            return Ok(());
        }
        let before = self.ends.range(..range.end).next_back();
        let (start, end) = match before {
            Some((_, &end)) if end > range.start => return Err(Overlap),
            Some((&start, &end)) if end == range.start => (start, range.end),
            _ => (range.start, range.end),
        };
        let end = self.ends.remove(&end).unwrap_or(end);
        self.ends.insert(start, end);
        Ok(())
    }

    /// How many bytes were written.
    pub(crate) fn bytes(&self) -> u64 {
        self.ends.iter().map(|(start, end)| end - start).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_byte_once(ranges in prop::collection::vec((0u64..40, 0u64..9), 0..30)) {
            let mut coverage = Coverage::default();
            let mut written = [false; 64];
            for (start, len) in ranges {
                let bytes = &mut written[start as usize..(start + len) as usize];
                let fresh = !bytes.contains(&true);
                prop_assert_eq!(coverage.add(start..start + len).is_ok(), fresh);
                if fresh {
                    bytes.fill(true);
                }
                let runs = written.split(|w| !w).filter(|run| !run.is_empty()).count();
                prop_assert_eq!(coverage.ends.len(), runs);
                prop_assert_eq!(coverage.bytes(), written.iter().filter(|w| **w).count() as u64);
            }
        }
    }
}
