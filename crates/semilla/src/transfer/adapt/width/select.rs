//! A smaller model out of a larger one.

use serde::{Deserialize, Serialize};

use super::axes::width_axes;
use super::structure::{Fused, Structure};
use crate::fill::Along;
use crate::layout::Axis;
use crate::transfer::adapt::draft::Draft;

/// A smaller model out of a larger one: whole units are kept ("weight selection"; Xu et al. 2024),
/// and heads, fused projections and gates keep their structure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Table")]
pub struct Select {
    /// Which units are kept.
    pub policy: Policy,
    /// Makes up for the inputs that are gone: those that stay are multiplied by √(old / new), so
    /// that a sum of independent inputs of one size keeps its variance, as initializers that divide
    /// by fan_in intend.
    pub rescale: bool,
    /// The structure of the axes.
    #[serde(flatten)]
    pub structure: Structure,
}

/// All fields in one table: where serde flattens, errors do not list them.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    policy: Policy,
    rescale: bool,
    heads: Option<[usize; 2]>,
    kv_heads: Option<[usize; 2]>,
    qkv: Option<Fused>,
    in_blocks: Option<usize>,
    in_units: Option<usize>,
}

impl From<Table> for Select {
    fn from(table: Table) -> Self {
        Self {
            policy: table.policy,
            rescale: table.rescale,
            structure: Structure {
                heads: table.heads,
                kv_heads: table.kv_heads,
                qkv: table.qkv,
                in_blocks: table.in_blocks,
                in_units: table.in_units,
            },
        }
    }
}

/// Which units a smaller model keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Evenly spread ones.
    #[default]
    Uniform,
    /// The first ones.
    First,
}

impl Select {
    pub(in crate::transfer::adapt) fn settle(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        let choose = |from: usize, to: usize| self.policy.choose(from, to);
        for axis in width_axes(draft) {
            let (from, to) = draft.sizes(axis);
            if to > from {
                continue;
            }
            let picks = self.structure.picks(draft, axis, &choose)?;
            let is_rescaled = self.rescale && draft.kind(axis) == Some(Axis::In);
            let scale = match is_rescaled {
                true => (from as f64 / to as f64).sqrt(),
                false => 1.0,
            };
            draft.settle(
                axis,
                Along::picks(picks.into_iter().map(|unit| (unit, scale))),
            );
            let but = match is_rescaled {
                true => format!(
                    ", times {scale:.4}: the variance of their sum stays if they are independent"
                ),
                false => String::new(),
            };
            draft.note(format!("{to} of {from} units of axis {axis}{but}"));
        }
        Ok(())
    }
}

impl Policy {
    /// `to` units of `from`, which are as many or more.
    pub(in crate::transfer) fn choose(self, from: usize, to: usize) -> Vec<usize> {
        match self {
            Policy::First => (0..to).collect(),
            _ if to > 0 && from.is_multiple_of(to) => (0..to).map(|j| j * (from / to)).collect(),
            Policy::Uniform => {
                let step = |j: usize| j as f64 * (from - 1) as f64 / (to.max(2) - 1) as f64;
                (0..to)
                    .map(|j| step(j).round_ties_even() as usize)
                    .collect()
            }
        }
    }
}
