//! The structure of a model's axes, and a choice of units that respects it.

use serde::{Deserialize, Serialize};

use crate::layout::{Axis, Layout};
use crate::model::Role;
use crate::transfer::adapt::draft::Draft;

/// The structure of a model's axes, as far as names do not say it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Structure {
    /// The attention heads of the checkpoint and of the model; needed where there is attention.
    pub heads: Option<[usize; 2]>,
    /// The same for keys and values, if they have fewer.
    pub kv_heads: Option<[usize; 2]>,
    /// The order of queries, keys and values within a fused projection. [`Fused::Blocks`] by
    /// default, but it must be stated where models with the tensor's name have both.
    pub qkv: Option<Fused>,
    /// The number of equal blocks of the input axis, each one position of a feature map that was
    /// flattened channels last.
    pub in_blocks: Option<usize>,
    /// The number of neighbouring inputs that are one channel of a feature map that was flattened
    /// channels first (PyTorch's `Flatten`).
    pub in_units: Option<usize>,
}

/// The order of queries, keys and values within one projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fused {
    /// All queries, then all keys, then all values.
    Blocks,
    /// Head by head, each with its query, key and value: GPT-NeoX, BLOOM.
    Heads,
}

/// Chooses for each of the model's units one of the checkpoint's, given both numbers.
type Choice<'a> = &'a dyn Fn(usize, usize) -> Vec<usize>;

const NO_HEADS: &str = "state heads=[the checkpoint's, the model's]: heads are kept whole";

impl Structure {
    /// For each index of the target's axis the source's.
    pub(super) fn picks(
        &self,
        draft: &Draft<'_>,
        axis: usize,
        choose: Choice<'_>,
    ) -> Result<Vec<usize>, String> {
        let (from, to) = draft.sizes(axis);
        if from == 0 || to == 0 {
            return Err(format!("axis {axis} is empty"));
        }
        let kind = draft.kind(axis);
        let groups = draft.target.layout.as_ref().map_or(1, Layout::groups);
        if groups > 1 && kind == Some(Axis::In) {
            return Err(
                "the inputs of a grouped convolution belong to its groups and cannot be chosen \
                 one by one"
                    .to_owned(),
            );
        }
        if draft.role() == Role::Qkv && kind != Some(Axis::In) {
            return self.fused_picks(draft, from, to, choose);
        }
        let (old, new) = self.sections(draft, axis)?;
        let mut picks = Vec::with_capacity(to);
        let mut start = 0;
        for (&old, &new) in old.iter().zip(&new) {
            let heads = match (self.in_units, kind) {
                (Some(size), Some(Axis::In)) => Some([old / size.max(1), new / size.max(1)]),
                (_, kind) => self.heads_of(draft.role(), kind)?,
            };
            let chosen = units(old, new, heads, choose)?;
            picks.extend(chosen.into_iter().map(|unit| start + unit));
            start += old;
        }
        Ok(picks)
    }

    /// The sections of an axis in the checkpoint and in the model, each chosen from by itself.
    fn sections(&self, draft: &Draft<'_>, axis: usize) -> Result<(Vec<usize>, Vec<usize>), String> {
        let (from, to) = draft.sizes(axis);
        let sections = match draft.kind(axis) {
            Some(Axis::In) => {
                let count = self.in_blocks.filter(|&count| count > 0);
                count.map(|count| equal(from, to, count)).transpose()?
            }
            _ => draft.blocks(),
        };
        let (old, new) = sections.unwrap_or((vec![from], vec![to]));
        if old.iter().sum::<usize>() != from || new.iter().sum::<usize>() != to {
            return Err(format!(
                "axis {axis} has {from} indices in the checkpoint and {to} in the model, but its \
                 blocks have {old:?} and {new:?}"
            ));
        }
        Ok((old, new))
    }

    /// The outputs of queries, keys and values in one.
    fn fused_picks(
        &self,
        draft: &Draft<'_>,
        from: usize,
        to: usize,
        choose: Choice<'_>,
    ) -> Result<Vec<usize>, String> {
        let heads = self.heads.ok_or(NO_HEADS)?;
        let kv_heads = self.kv_heads.unwrap_or(heads);
        let is_ambiguous = draft.weight().name.contains("query_key_value");
        let order = match self.qkv {
            None if is_ambiguous => {
                return Err(
                    "state qkv=heads (GPT-NeoX, BLOOM) or qkv=blocks (Falcon with one key): models \
                     with this name differ"
                        .to_owned(),
                );
            }
            order => order.unwrap_or(Fused::Blocks),
        };
        // The width of a head: 0 if the axis does not divide into them.
        let [(width, old), (new_width, new)] = [(from, 0), (to, 1)].map(|(size, side)| {
            let count = kv_heads[side].saturating_mul(2).saturating_add(heads[side]);
            let whole = count > 0 && size.is_multiple_of(count);
            (if whole { size / count } else { 0 }, heads[side])
        });
        if width == 0 || new_width == 0 || order == Fused::Heads && kv_heads != heads {
            return Err(format!(
                "axes of {from} and {to} are not queries, keys and values of {heads:?} heads, with \
                 {kv_heads:?} for keys and values"
            ));
        }
        if order == Fused::Heads {
            let head = units(3 * width, 3 * new_width, Some([3, 3]), choose)?;
            let within = |of: usize| head.iter().map(move |unit| 3 * width * of + unit);
            return Ok(choose(old, new).into_iter().flat_map(within).collect());
        }
        let mut picks = Vec::with_capacity(to);
        let mut start = 0;
        for [old, new] in [heads, kv_heads, kv_heads] {
            let block = units(width * old, new_width * new, Some([old, new]), choose)?;
            picks.extend(block.into_iter().map(|unit| start + unit));
            start += width * old;
        }
        Ok(picks)
    }

    /// How growth changes what attention computes, if it does.
    pub(super) fn changes(
        &self,
        draft: &Draft<'_>,
        from: usize,
        to: usize,
    ) -> Option<&'static str> {
        let heads = self.heads?;
        let kv_heads = self.kv_heads.unwrap_or(heads);
        let count = |side: usize| match draft.role() {
            Role::Query => Some(heads[side]),
            Role::Key | Role::Value => Some(kv_heads[side]),
            Role::Qkv => Some(heads[side] + 2 * kv_heads[side]),
            _ => None,
        };
        let (old, new) = (count(0)?, count(1)?);
        let product = |a: usize, b: usize| a as u128 * b as u128;
        if product(heads[0], kv_heads[1]) != product(heads[1], kv_heads[0]) {
            return Some("the function changes: different queries share a key");
        }
        (product(from, new) != product(to, old))
            .then_some("the function changes: attention scales the scores of wider heads down more")
    }

    /// The heads that a section of an axis is made of, if it is made of heads.
    fn heads_of(&self, role: Role, kind: Option<Axis>) -> Result<Option<[usize; 2]>, String> {
        let of_input = kind == Some(Axis::In);
        let has_few = match role {
            Role::AttentionOut if of_input => false,
            Role::Query if !of_input => false,
            Role::Key | Role::Value | Role::Kv if !of_input => true,
            _ => return Ok(None),
        };
        let heads = self.kv_heads.filter(|_| has_few).or(self.heads);
        heads.map(Some).ok_or_else(|| NO_HEADS.to_owned())
    }
}

/// Both sizes of an axis in so many equal blocks.
fn equal(from: usize, to: usize, count: usize) -> Result<(Vec<usize>, Vec<usize>), String> {
    if !from.is_multiple_of(count) || !to.is_multiple_of(count) {
        return Err(format!(
            "inputs of {from} and {to} do not divide into {count} blocks; correct in_blocks"
        ));
    }
    Ok((vec![from / count; count], vec![to / count; count]))
}

/// Chooses among `from` units for `to`: heads first, then within each.
fn units(
    from: usize,
    to: usize,
    heads: Option<[usize; 2]>,
    choose: Choice<'_>,
) -> Result<Vec<usize>, String> {
    let Some([old, new]) = heads else {
        return Ok(choose(from, to));
    };
    if old == 0 || new == 0 || !from.is_multiple_of(old) || !to.is_multiple_of(new) {
        return Err(format!(
            "axes of {from} and {to} do not divide into {old} and {new} heads"
        ));
    }
    let (width, new_width) = (from / old, to / new);
    let within = choose(width, new_width);
    let head = |head: usize| within.iter().map(move |unit| head * width + unit);
    Ok(choose(old, new).into_iter().flat_map(head).collect())
}
