//! Pages, read as texts.

use std::collections::BTreeSet;

/// Nothing of a page asks for anything, and its policy forbids it.
pub(crate) fn asks_nothing(page: &str) {
    for asks in [
        "http:",
        "https:",
        " src=",
        "url(",
        "@import",
        "<link",
        " style=",
        " onclick=",
    ] {
        assert!(!page.contains(asks), "{asks}");
    }
    assert!(page.contains("default-src 'none'"));
}

/// The values of an attribute.
pub(crate) fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    let start = format!(" {attribute}=\"");
    let pieces = page.split(&*start).skip(1);
    pieces.filter_map(|piece| piece.split('"').next()).collect()
}

/// All ids, each of which is given once.
pub(crate) fn ids(page: &str) -> BTreeSet<&str> {
    let ids = values(page, "id");
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(known.len(), ids.len(), "an id is given twice");
    known
}
