//! Another width: which units of a trained network a smaller one keeps, which a larger one has twice.
//!
//! What becomes of an axis depends on its two sizes and its structure alone (heads, fused blocks, gates), never on
//! the tensor, so all tensors that share a residual stream select or repeat the same units of it.

use serde::{Deserialize, Serialize};

use super::Along;
use super::adapt::Draft;
use crate::layout::Axis;
use crate::model::Role;
use crate::stream::Stream;

/// A smaller model out of a larger one: whole units are kept ("weight selection"; Xu et al. 2024), and heads, fused
/// projections and gates stay what they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Select {
    /// Which units are kept.
    pub policy: Policy,
    /// Makes up for the inputs that are gone: those that stay are multiplied by √(old / new), so that a sum of inputs that are
    /// independent and of one size keeps its variance, as initializers that divide by fan_in intend.
    pub rescale: bool,
    /// What the axes are made of.
    #[serde(flatten)]
    pub structure: Structure,
}

/// A larger model out of a smaller one, with the same function: units are repeated, and what they feed is divided by how often
/// (Net2WiderNet, Chen et al. 2016, section 3.1; bert2BERT's FPI, Chen et al. 2022, section 3.2).
///
/// Exact where a normalized width grows to a multiple of itself in turns, since only then mean and variance stay. Copies with equal
/// shares get equal gradients and stay equal: uneven shares, which change the function no more (Wang et al. 2024, LEMON,
/// section 3), let training tell them apart, as do dropout and `next`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grow {
    /// Which units are repeated.
    pub repeat: Repeat,
    /// What each copy has of the weights that its unit feeds.
    pub shares: Shares,
    /// Of random repetition and of uneven shares.
    pub seed: u64,
    /// New heads and feed-forward units from the next layer instead of this one (bert2BERT's AKI, section 3.3): not the
    /// same function, but no two units alike.
    pub next: bool,
    /// What the axes are made of.
    #[serde(flatten)]
    pub structure: Structure,
}

/// What the axes of a model are made of, as far as names do not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Structure {
    /// The attention heads of the checkpoint and of the model; needed where there is attention.
    pub heads: Option<[usize; 2]>,
    /// The same for keys and values, if they are fewer.
    pub kv_heads: Option<[usize; 2]>,
    /// How a projection to queries, keys and values in one is made of them; [`Fused::Blocks`], except that it must be said where
    /// models with the tensor's name have both.
    pub qkv: Option<Fused>,
    /// Equal blocks of the input axis, each one position of a feature map that was flattened channels last.
    pub in_blocks: Option<usize>,
    /// Neighbouring inputs that are one channel of a feature map that was flattened channels first (PyTorch's `Flatten`).
    pub in_units: Option<usize>,
}

/// How queries, keys and values lie in one projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fused {
    /// All queries, then all keys, then all values.
    Blocks,
    /// Head by head, each with its query, key and value: GPT-NeoX, BLOOM.
    Heads,
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

/// Which units a larger model has more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// All in turns: unit j is unit j mod n.
    #[default]
    Cyclic,
    /// Beyond the first n, any with equal chance.
    Random,
}

/// How the copies of a unit divide the weights of what they feed: in any case the shares add up to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shares {
    /// All alike.
    #[default]
    Even,
    /// In proportion to numbers drawn between 1/2 and 3/2: no two copies are alike.
    Uneven,
}

/// For each unit of the model the checkpoint's.
type Choice<'a> = &'a dyn Fn(usize, usize) -> Vec<usize>;

impl Select {
    pub(super) fn settle(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        let choose = |from: usize, to: usize| self.policy.choose(from, to);
        for axis in width_axes(draft) {
            let (from, to) = (draft.found[axis], draft.target.shape[axis]);
            if to > from {
                continue;
            }
            let picks = self.structure.picks(draft, axis, &choose)?;
            let is_rescaled = self.rescale && draft.kind(axis) == Some(Axis::In);
            let scale = match is_rescaled {
                true => (from as f64 / to as f64).sqrt(),
                false => 1.0,
            };
            draft.axes[axis] = Some(Along::picks(picks.into_iter().map(|unit| (unit, scale))));
            let but = match is_rescaled {
                true => format!(
                    ", times {scale:.4}: the variance of their sum stays if they are independent"
                ),
                false => String::new(),
            };
            draft
                .notes
                .push(format!("{to} of {from} units of axis {axis}{but}"));
        }
        Ok(())
    }
}

impl Policy {
    /// `to` units of `from`, which are as many or more.
    pub(super) fn choose(self, from: usize, to: usize) -> Vec<usize> {
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

impl Grow {
    pub(super) fn settle(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        let choose = |from: usize, to: usize| self.choose(from, to);
        for axis in width_axes(draft) {
            let (from, to) = (draft.found[axis], draft.target.shape[axis]);
            if to < from {
                continue;
            }
            let picks = self.structure.picks(draft, axis, &choose)?;
            if draft.kind(axis) == Some(Axis::In) {
                let shares = self.shares(from, &picks);
                draft.axes[axis] = Some(Along::picks(picks.into_iter().zip(shares)));
                let how = match self.shares {
                    Shares::Even if self.next => "each divided by how often it is there",
                    Shares::Even => {
                        "each divided by how often it is there: copies learn alike (but for shares=uneven)"
                    }
                    Shares::Uneven => "each divided unevenly among its copies",
                };
                draft.notes.push(format!("{from} to {to} inputs, {how}"));
                continue;
            }
            draft.axes[axis] = Some(Along::picks(picks.into_iter().map(|unit| (unit, 1.0))));
            let even = to.is_multiple_of(from) && self.repeat == Repeat::Cyclic;
            draft.notes.push(match draft.normalizes_features() && !even {
                true => format!("{from} to {to} units by repetition: the function changes, since mean and variance over {to} are others"),
                false => format!("{from} to {to} units by repetition"),
            });
            draft
                .notes
                .extend(self.structure.changes(draft, from, to).map(str::to_owned));
        }
        Ok(())
    }

    /// For each unit that is picked its share of the one that it is a copy of.
    fn shares(&self, from: usize, picks: &[usize]) -> Vec<f64> {
        let stream = Stream::new(self.seed, &format!("shares {from} {}", picks.len()));
        let part = |j: usize| match self.shares {
            Shares::Even => 1.0,
            Shares::Uneven => 0.5 + f64::from(stream.word(j as u64)) / 2f64.powi(32),
        };
        let mut totals = vec![0.0; from];
        for (j, &unit) in picks.iter().enumerate() {
            totals[unit] += part(j);
        }
        let picks = picks.iter().enumerate();
        picks.map(|(j, &unit)| part(j) / totals[unit]).collect()
    }

    fn choose(&self, from: usize, to: usize) -> Vec<usize> {
        let stream = Stream::new(self.seed, &format!("grow {from} {to}"));
        let unit = |j: usize| match self.repeat {
            _ if j < from => j,
            Repeat::Cyclic => j % from,
            Repeat::Random => ((u64::from(stream.word(j as u64)) * from as u64) >> 32) as usize,
        };
        (0..to).map(unit).collect()
    }

    /// Whether new outputs of a layer with this role come from the next layer.
    pub(super) fn takes_next(&self, role: Role) -> bool {
        self.next
            && matches!(
                role,
                Role::Query | Role::Key | Role::Value | Role::MlpIn | Role::MlpGate
            )
    }
}

impl Structure {
    /// For each index of the target's axis the source's.
    fn picks(
        &self,
        draft: &Draft<'_>,
        axis: usize,
        choose: Choice<'_>,
    ) -> Result<Vec<usize>, String> {
        let (from, to) = (draft.found[axis], draft.target.shape[axis]);
        if from == 0 || to == 0 {
            return Err(format!("axis {axis} is empty"));
        }
        let role = draft.role();
        let kind = draft.kind(axis);
        if draft
            .target
            .layout
            .as_ref()
            .is_some_and(|layout| layout.groups() > 1)
            && kind == Some(Axis::In)
        {
            return Err(
                "the groups of a grouped convolution are no units that can be chosen alone"
                    .to_owned(),
            );
        }
        if role == Role::Qkv && kind != Some(Axis::In) {
            return self.fused_picks(draft, from, to, choose);
        }
        let sections = match kind {
            Some(Axis::In) => self.in_blocks.map(|count| {
                (
                    vec![from / count.max(1); count],
                    vec![to / count.max(1); count],
                )
            }),
            _ => draft.blocks(),
        };
        let sections = sections.filter(|(old, new)| old.len() == new.len() && !old.is_empty());
        let (old, new) = sections.unwrap_or((vec![from], vec![to]));
        if old.iter().sum::<usize>() != from || new.iter().sum::<usize>() != to {
            return Err(format!(
                "axis {axis} of {from} and {to} is not made of blocks of {old:?} and {new:?}"
            ));
        }
        let mut picks = Vec::with_capacity(to);
        let mut start = 0;
        for (&old, &new) in old.iter().zip(&new) {
            let heads = match (self.in_units, kind) {
                (Some(size), Some(Axis::In)) => Some([old / size.max(1), new / size.max(1)]),
                (_, kind) => self.heads_of(role, kind)?,
            };
            picks.extend(
                units(old, new, heads, choose)?
                    .into_iter()
                    .map(|unit| start + unit),
            );
            start += old;
        }
        Ok(picks)
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
        let weight = draft.layer.map_or(draft.target, |(target, _)| target);
        let is_ambiguous = weight.name.contains("query_key_value");
        let how = match self.qkv {
            None if is_ambiguous => {
                return Err("state qkv=heads (GPT-NeoX, BLOOM) or qkv=blocks (Falcon with one key): models of this name differ".to_owned());
            }
            how => how.unwrap_or(Fused::Blocks),
        };
        let [(width, old), (new_width, new)] = [(from, 0), (to, 1)].map(|(size, side)| {
            let count = heads[side] + 2 * kv_heads[side];
            let whole = count > 0 && size.is_multiple_of(count);
            (if whole { size / count } else { 0 }, heads[side])
        });
        if width == 0 || new_width == 0 || how == Fused::Heads && kv_heads != heads {
            return Err(format!(
                "{from} and {to} are not queries, keys and values of {heads:?} heads, {kv_heads:?} for keys and values"
            ));
        }
        if how == Fused::Heads {
            let head = units(3 * width, 3 * new_width, Some([3, 3]), choose)?;
            let place = |of: usize| head.iter().map(move |unit| 3 * width * of + unit);
            return Ok(choose(old, new).into_iter().flat_map(place).collect());
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

    /// Why attention computes something else after growth, if it does.
    fn changes(&self, draft: &Draft<'_>, from: usize, to: usize) -> Option<&'static str> {
        let heads = self.heads?;
        let kv_heads = self.kv_heads.unwrap_or(heads);
        let count = |side: usize| match draft.role() {
            Role::Query => Some(heads[side]),
            Role::Key | Role::Value => Some(kv_heads[side]),
            Role::Qkv => Some(heads[side] + 2 * kv_heads[side]),
            _ => None,
        };
        let (old, new) = (count(0)?, count(1)?);
        if heads[0] * kv_heads[1] != heads[1] * kv_heads[0] {
            return Some("the function changes: other queries share a key");
        }
        (from * new != to * old).then_some("the function changes: wider heads scale scores")
    }

    /// The heads that a block of an axis is made of, if it is.
    fn heads_of(&self, role: Role, kind: Option<Axis>) -> Result<Option<[usize; 2]>, String> {
        let of_input = kind == Some(Axis::In);
        let few = match role {
            Role::AttentionOut if of_input => false,
            Role::Query if !of_input => false,
            Role::Key | Role::Value if !of_input => true,
            _ => return Ok(None),
        };
        let heads = self.kv_heads.filter(|_| few).or(self.heads);
        match heads {
            Some(heads) => Ok(Some(heads)),
            None => Err(NO_HEADS.to_owned()),
        }
    }
}

const NO_HEADS: &str = "state heads=[the checkpoint's, the model's]: heads are kept whole";

/// The choice among `from` units for `to`: heads first, then within each.
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
        return Err(format!("{from} and {to} are not {old} and {new} heads"));
    }
    let (width, new_width) = (from / old, to / new);
    let within = choose(width, new_width);
    let place = |head: &usize| {
        within
            .iter()
            .map(|unit| head * width + unit)
            .collect::<Vec<_>>()
    };
    Ok(choose(old, new).iter().flat_map(place).collect())
}

/// The open axes whose size is a width of the network: not classes, words, positions or a kernel's extents.
fn width_axes(draft: &Draft<'_>) -> Vec<usize> {
    let last = draft.axes.len().saturating_sub(1);
    (0..draft.axes.len())
        .filter(|&axis| draft.axes[axis].is_none() && draft.found[axis] != draft.target.shape[axis])
        .filter(|&axis| match draft.kind(axis) {
            Some(Axis::Out) => draft.role() != Role::Head,
            Some(Axis::In) => true,
            Some(_) => false,
            None => axis == last && draft.role() != Role::Head,
        })
        .collect()
}

impl Draft<'_> {
    /// What an axis is; a vector's is its layer's output.
    fn kind(&self, axis: usize) -> Option<Axis> {
        match &self.target.layout {
            Some(layout) => layout.axes().get(axis).copied(),
            None if self.axes.len() == 1 => Some(Axis::Out),
            None => None,
        }
    }

    /// The role of the layer that the tensor belongs to.
    fn role(&self) -> Role {
        self.layer
            .map_or(self.target.role, |(target, _)| target.role)
    }

    /// The blocks that the output axes of both are made of.
    fn blocks(&self) -> Option<(Vec<usize>, Vec<usize>)> {
        let (target, source) = self.layer.unwrap_or((self.target, self.source));
        let (old, new) = (source.blocks.clone(), target.blocks.clone());
        (old.len() > 1 && old.len() == new.len()).then_some((old, new))
    }

    /// Whether this is a normalization over features, not over a batch.
    fn normalizes_features(&self) -> bool {
        matches!(self.target.role, Role::NormWeight | Role::LastNormWeight) && !self.is_batch_norm
    }
}
