//! The order of rows that rotary embeddings rotate in pairs.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::fill::Along;
use crate::layout::Axis;

/// Which rows of a head are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotary {
    /// Pairs (i, i + d/2): transformers.
    Halves,
    /// Pairs (2i, 2i + 1): Meta's Llama, GGUF.
    Pairs,
}

impl Rotary {
    /// Puts the rows of each head, which have the other order, into this one.
    pub(super) fn settle(self, heads: usize, draft: &mut Draft<'_>) -> Result<(), String> {
        let axis = draft.axis(Axis::Out).unwrap_or(0);
        if draft.rank() == 0 {
            return Err("it has no rows".to_owned());
        }
        let (old, new) = draft.sizes(axis);
        if draft.axes[axis].is_some() {
            return Err(
                "rotary needs rows that no other operation changes; drop the other operation"
                    .to_owned(),
            );
        }
        let is_even = heads
            .checked_mul(2)
            .is_some_and(|halves| halves > 0 && new.is_multiple_of(halves));
        if old != new || !is_even {
            return Err(format!(
                "{old} rows in the checkpoint and {new} in the model are not the same {heads} \
                 heads of even width; correct heads"
            ));
        }
        let size = new / heads;
        let half = size / 2;
        let source = |j: usize| match self {
            Rotary::Halves => 2 * (j % half) + j / half,
            Rotary::Pairs => (j % 2) * half + j / 2,
        };
        let picks = (0..new).map(|row| (row / size * size + source(row % size), 1.0));
        draft.settle(axis, Along::picks(picks));
        let order = match self {
            Rotary::Halves => "pairs (i, i + d/2)",
            Rotary::Pairs => "pairs (2i, 2i + 1)",
        };
        draft.note(format!("rows of {heads} heads into {order}"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::transfer::fixtures::one;

    #[test]
    fn rotary_orders_are_inverse_to_each_other() {
        let weight: (&str, &[usize]) = ("q_proj.weight", &[8, 1]);
        let halves = one(weight, weight, "rotary:heads=2,to=halves").unwrap();
        assert_eq!(halves, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
        let pairs = one(weight, weight, "rotary:heads=2,to=pairs").unwrap();
        assert_eq!(pairs, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
        assert!(one(weight, weight, "rotary:heads=3,to=halves").is_err());
    }
}
