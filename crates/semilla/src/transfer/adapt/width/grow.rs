//! A larger model out of a smaller one.

use serde::{Deserialize, Serialize};

use super::axes::width_axes;
use super::structure::{Fused, Structure};
use crate::fill::Along;
use crate::layout::Axis;
use crate::model::Role;
use crate::stream::Stream;
use crate::transfer::adapt::draft::Draft;

/// A larger model out of a smaller one, with the same function: units are repeated, and the weights
/// that they feed are divided by how often (Net2WiderNet, Chen et al. 2016, section 3.1;
/// bert2BERT's FPI, Chen et al. 2022, section 3.2).
///
/// Where a width is normalized, growth is exact only to a multiple of the width, in turns: only
/// then do mean and variance stay. Copies with equal shares get equal gradients and stay equal.
/// Uneven shares keep the function as well (Wang et al. 2024, LEMON, section 3) and let training
/// tell copies apart, as do dropout and `next`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Table")]
pub struct Grow {
    /// Which units are repeated.
    pub repeat: Repeat,
    /// How copies share the weights that their unit feeds.
    pub shares: Shares,
    /// The seed of random repetition and of uneven shares.
    pub seed: u64,
    /// Takes new heads and feed-forward units from the next layer instead of this one (bert2BERT's
    /// AKI, section 3.3): the function changes, but no two units are alike.
    pub next: bool,
    /// The structure of the axes.
    #[serde(flatten)]
    pub structure: Structure,
}

/// All fields in one table: where serde flattens, errors do not list them.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    repeat: Repeat,
    shares: Shares,
    seed: u64,
    next: bool,
    heads: Option<[usize; 2]>,
    kv_heads: Option<[usize; 2]>,
    qkv: Option<Fused>,
    in_blocks: Option<usize>,
    in_units: Option<usize>,
}

impl From<Table> for Grow {
    fn from(table: Table) -> Self {
        Self {
            repeat: table.repeat,
            shares: table.shares,
            seed: table.seed,
            next: table.next,
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

/// How the copies of a unit divide the weights that it feeds. The shares always add up to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shares {
    /// All alike.
    #[default]
    Even,
    /// In proportion to numbers drawn between 1/2 and 3/2: no two copies are alike.
    Uneven,
}

impl Grow {
    pub(in crate::transfer::adapt) fn settle(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        let choose = |from: usize, to: usize| self.choose(from, to);
        for axis in width_axes(draft) {
            let (from, to) = draft.sizes(axis);
            if to < from {
                continue;
            }
            let picks = self.structure.picks(draft, axis, &choose)?;
            match draft.kind(axis) {
                Some(Axis::In) => self.settle_inputs(draft, axis, picks),
                _ => self.settle_units(draft, axis, picks),
            }
        }
        Ok(())
    }

    /// Divides the weights of repeated inputs among their copies.
    fn settle_inputs(&self, draft: &mut Draft<'_>, axis: usize, picks: Vec<usize>) {
        let (from, to) = draft.sizes(axis);
        let shares = self.shares(from, &picks);
        draft.settle(axis, Along::picks(picks.into_iter().zip(shares)));
        let how = match self.shares {
            Shares::Even if self.next => "each divided by how often it occurs",
            Shares::Even => {
                "each divided by how often it occurs: copies learn alike (unless shares=uneven)"
            }
            Shares::Uneven => "each divided unevenly among its copies",
        };
        draft.note(format!("{from} to {to} inputs, {how}"));
    }

    /// Repeats units as they are.
    fn settle_units(&self, draft: &mut Draft<'_>, axis: usize, picks: Vec<usize>) {
        let (from, to) = draft.sizes(axis);
        draft.settle(
            axis,
            Along::picks(picks.into_iter().map(|unit| (unit, 1.0))),
        );
        let is_even = to.is_multiple_of(from) && self.repeat == Repeat::Cyclic;
        let but = match draft.normalizes_features() && !is_even {
            true => format!(
                ": the function changes, since the mean and variance over {to} units differ"
            ),
            false => String::new(),
        };
        draft.note(format!("{from} to {to} units by repetition{but}"));
        if let Some(change) = self.structure.changes(draft, from, to) {
            draft.note(change);
        }
    }

    /// For each chosen unit its share of the unit that it is a copy of.
    fn shares(&self, from: usize, picks: &[usize]) -> Vec<f64> {
        let stream = Stream::new(self.seed, &format!("shares {from} {}", picks.len()));
        let weight = |j: usize| match self.shares {
            Shares::Even => 1.0,
            Shares::Uneven => 0.5 + f64::from(stream.word(j as u64)) / 2f64.powi(32),
        };
        let mut totals = vec![0.0; from];
        for (j, &unit) in picks.iter().enumerate() {
            totals[unit] += weight(j);
        }
        let picks = picks.iter().enumerate();
        picks.map(|(j, &unit)| weight(j) / totals[unit]).collect()
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
    pub(in crate::transfer) fn takes_next(&self, role: Role) -> bool {
        self.next
            && matches!(
                role,
                Role::Query | Role::Key | Role::Value | Role::MlpIn | Role::MlpGate
            )
    }
}
