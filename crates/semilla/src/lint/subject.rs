//! A tensor as the rules see it: its line of the plan beside what the model says of it.

use std::collections::{BTreeMap, HashMap};

use crate::fill::Fill;
use crate::layout::{Axis, Fans, Layout};
use crate::model::{Model, Role, Side, Tensor};
use crate::plan::{Disposition, Line, Plan};

/// All tensors that have a line.
pub(super) struct Subjects<'a> {
    pub(super) plan: &'a Plan,
    pub(super) model: &'a Model,
    all: Vec<Subject<'a>>,
    places: HashMap<&'a str, usize>,
    blocks: Vec<Vec<Subject<'a>>>,
}

/// A tensor with its line.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) line: &'a Line,
    pub(super) tensor: &'a Tensor,
}

impl<'a> Subjects<'a> {
    pub(super) fn of(plan: &'a Plan, model: &'a Model) -> Self {
        let tensors = model.tensors.iter().map(|tensor| (&*tensor.name, tensor));
        let tensors: HashMap<&str, &Tensor> = tensors.collect();
        let paired = plan.tensors.iter().filter_map(|line| {
            let tensor = *tensors.get(&*line.name)?;
            Some(Subject { line, tensor })
        });
        let all: Vec<Subject<'a>> = paired.collect();
        let places = all.iter().enumerate().map(|(at, own)| (own.name(), at));
        Self {
            plan,
            model,
            places: places.collect(),
            blocks: blocks(&all),
            all,
        }
    }

    /// Every tensor, in the plan's order.
    pub(super) fn all(&self) -> impl Iterator<Item = Subject<'a>> + '_ {
        self.all.iter().copied()
    }

    /// Those whose values the plan makes itself.
    pub(super) fn made(&self) -> impl Iterator<Item = Subject<'a>> + '_ {
        self.all().filter(|subject| subject.is_made())
    }

    /// Those of each residual block whose values the plan makes itself.
    pub(super) fn blocks(&self) -> &[Vec<Subject<'a>>] {
        &self.blocks
    }

    pub(super) fn named(&self, name: &str) -> Option<Subject<'a>> {
        self.places.get(name).map(|&at| self.all[at])
    }

    /// The bias beside a weight, or the weight beside a bias.
    pub(super) fn beside(&self, name: &str, own: &str, other: &str) -> Option<Subject<'a>> {
        self.named(&format!("{}{other}", name.strip_suffix(own)?))
    }
}

/// A block: its stack, and its place there.
type Block = (Option<Side>, Option<usize>, usize);

fn blocks<'a>(all: &[Subject<'a>]) -> Vec<Vec<Subject<'a>>> {
    let mut blocks: BTreeMap<Block, Vec<Subject<'a>>> = BTreeMap::new();
    for subject in all.iter().filter(|subject| subject.is_made()) {
        let tensor = subject.tensor;
        if let Some(depth) = tensor.depth {
            let block = (tensor.side, tensor.layers, depth);
            blocks.entry(block).or_default().push(*subject);
        }
    }
    blocks.into_values().collect()
}

impl<'a> Subject<'a> {
    pub(super) fn name(&self) -> &'a str {
        &self.line.name
    }

    pub(super) fn role(&self) -> Role {
        self.line.role
    }

    /// Whether its values come from an initializer, all of them.
    pub(super) fn is_made(&self) -> bool {
        self.line.loads().is_empty() && self.line.disposition != Disposition::Kept
    }

    pub(super) fn is_tied(&self) -> bool {
        matches!(self.line.disposition, Disposition::Tied { .. })
    }

    pub(super) fn layout(&self) -> Option<&'a Layout> {
        self.line.layout.as_ref().or(self.tensor.layout.as_ref())
    }

    /// The layer's own fans.
    pub(super) fn fans(&self) -> Option<Fans> {
        self.layout()?.fans(&self.line.shape).ok()
    }

    /// The number of units that it makes.
    pub(super) fn units(&self) -> usize {
        let size = self
            .layout()
            .map(|layout| layout.size(Axis::Out, &self.line.shape));
        size.unwrap_or(1)
    }

    /// The value of all of its elements, where they have one.
    pub(super) fn constant(&self) -> Option<f64> {
        match self.line.fill {
            Fill::Constant { value } if self.is_made() => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.constant() == Some(0.0)
    }

    /// The root mean square of its elements.
    pub(super) fn root_mean_square(&self) -> Option<f64> {
        let rms = self.line.fill.root_mean_square(&self.line.shape)?;
        self.is_made().then_some(rms)
    }

    /// The factor from the root mean square of its inputs to that of its outputs.
    pub(super) fn gain(&self) -> Option<f64> {
        let scale = self.line.multiplier.unwrap_or(1.0) * self.fans()?.fan_in.sqrt();
        Some(self.root_mean_square()? * scale)
    }

    /// The module that its own lies in: `blocks.0.attn` of `blocks.0.attn.proj.weight`.
    pub(super) fn parent(&self) -> &'a str {
        let module = self
            .name()
            .rsplit_once('.')
            .map_or("", |(module, _)| module);
        module.rsplit_once('.').map_or("", |(parent, _)| parent)
    }
}
