//! Lists of names that fit in a cell or a line.

use crate::show::fold::ranges;

/// The names as patterns, the first few of them.
pub(crate) fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut words = ranges(names);
    let more = words.len().saturating_sub(SHOWN);
    words.truncate(SHOWN);
    if more > 0 {
        words.push(format!("and {more} more (see --json)"));
    }
    words.join(", ")
}
