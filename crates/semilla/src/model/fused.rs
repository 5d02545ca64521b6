//! Several weights in one tensor.

use serde::{Deserialize, Serialize};

use super::role::Role;

/// One of the weights that a fused weight holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it does.
    pub role: Role,
    /// How many of the tensor's outputs are its own.
    pub size: usize,
}

impl From<(Role, usize)> for Part {
    fn from((role, size): (Role, usize)) -> Self {
        Self { role, size }
    }
}

/// The weights that one tensor holds along its output axis (its first axis if it has no layout),
/// and how they lie there.
///
/// ```
/// use semilla::Role::{Key, Query, Value};
/// use semilla::model::Fused;
///
/// // GPT-2: queries, then keys, then values. Fewer keys than queries: the sizes differ.
/// let row = Fused::in_a_row([(Query, 768), (Key, 768), (Value, 768)]);
/// assert!(row.fits(2304));
/// // GPT-NeoX: query, key and value of the first head, then those of the second...
/// let by_head = Fused::in_turns([(Query, 768), (Key, 768), (Value, 768)], 12);
/// assert!(by_head.fits(2304) && !by_head.fits(768));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fused {
    /// The weights, in the order in which they lie.
    pub parts: Vec<Part>,
    /// How often they take turns, with an equal share of each: 1 if they lie one after the other,
    /// the number of heads if each head has its own query, key and value side by side. `None`
    /// where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<usize>,
}

impl Fused {
    /// One after the other.
    pub fn in_a_row(parts: impl IntoIterator<Item = impl Into<Part>>) -> Self {
        Self::in_turns(parts, 1)
    }

    /// In turns, such as head by head.
    pub fn in_turns(parts: impl IntoIterator<Item = impl Into<Part>>, turns: usize) -> Self {
        Self {
            turns: Some(turns),
            ..Self::somewhere(parts)
        }
    }

    /// In an order that is not known.
    pub fn somewhere(parts: impl IntoIterator<Item = impl Into<Part>>) -> Self {
        Self {
            parts: parts.into_iter().map(Into::into).collect(),
            turns: None,
        }
    }

    /// Whether the parts fill an axis of this size, and each divides by the turns.
    pub fn fits(&self, size: usize) -> bool {
        let mut sizes = self.parts.iter().map(|part| part.size);
        let total = sizes.try_fold(0usize, |sum, size| sum.checked_add(size));
        let turns = self.turns.unwrap_or(1);
        let divides = |part: &Part| turns > 0 && part.size.is_multiple_of(turns);
        self.parts.len() > 1 && total == Some(size) && self.parts.iter().all(divides)
    }

    /// The sizes of the parts, where they lie one after the other.
    pub(crate) fn row(&self) -> Vec<usize> {
        match self.turns {
            Some(1) => self.parts.iter().map(|part| part.size).collect(),
            _ => Vec::new(),
        }
    }
}
