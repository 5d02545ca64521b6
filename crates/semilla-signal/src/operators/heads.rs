//! Words whose heads lie in a row, and heads that have words each.

use semilla::graph::{Attribute, Node};

/// From [batch, length, heads · size] to [batch, heads, length, size]; a size of -1 is what the
/// width leaves.
pub(super) fn split(from: &str, to: &str, heads: i64, size: i64) -> [Node; 2] {
    let words = format!("{to} of words");
    let shape = Attribute::Ints(vec![0, 0, heads, size]);
    [
        Node::new("Reshape", &[from], &[&words]).with("shape", shape),
        swapped(&words, to),
    ]
}

/// Back to [batch, length, heads · size].
pub(super) fn joined(from: &str, to: &str) -> [Node; 2] {
    let words = format!("{to} by heads");
    [
        swapped(from, &words),
        Node::new("Reshape", &[&words], &[to]).with("shape", Attribute::Ints(vec![0, 0, -1])),
    ]
}

/// Heads before words, or words before heads.
fn swapped(from: &str, to: &str) -> Node {
    Node::new("Transpose", &[from], &[to]).with("perm", Attribute::Ints(vec![0, 2, 1, 3]))
}
