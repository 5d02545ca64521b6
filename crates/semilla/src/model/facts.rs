//! Facts of tensors, each with where it comes from.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::convention::Convention;
use super::fused::Fused;
use super::residual::InBranch;
use super::role::Role;
use super::source::Source;
use super::tensor::Tensor;
use crate::activation::Activation;
use crate::layout::Layout;

/// A value, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fact<T> {
    pub(super) value: T,
    pub(super) source: Source,
}

/// Facts about one tensor from sources other than names and shapes.
///
/// ```
/// use semilla::model::{Facts, Source};
/// use semilla::{Layout, Role};
///
/// let file = Facts::from(Source::Format).layout(Layout::io());
/// let rule = Facts::from(Source::User).layout(Layout::oi());
/// let graph = Facts::from(Source::Graph).role(Role::Conv);
/// // The order in which they come does not matter.
/// assert_eq!(
///     file.clone().and(rule.clone()).and(graph.clone()),
///     graph.and(rule).and(file),
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    source: Source,
    pub(super) role: Option<Fact<Role>>,
    pub(super) layout: Option<Fact<Layout>>,
    pub(super) fused: Option<Fact<Fused>>,
    pub(super) activation: Option<Fact<Activation>>,
    /// What its output is multiplied by before the activation.
    pub(super) times: Option<Fact<f64>>,
    pub(super) is_normalized: Option<Fact<bool>>,
    /// The residual block that it lies in, and how many its stack has.
    pub(super) block: Option<Fact<(usize, usize)>>,
    /// The residual branch of convolutions that it lies in.
    pub(super) branch: Option<Fact<InBranch>>,
    pub(super) next: Option<Fact<String>>,
    /// The row of a table that stands for no token.
    pub(super) padding: Option<Fact<usize>>,
    pub(super) is_output: bool,
    pub(super) is_unnamed: bool,
    pub(super) is_buffer: bool,
}

impl Facts {
    /// No facts yet, of a source.
    pub fn from(source: Source) -> Self {
        Self {
            source,
            role: None,
            layout: None,
            fused: None,
            activation: None,
            times: None,
            is_normalized: None,
            block: None,
            branch: None,
            next: None,
            padding: None,
            is_output: false,
            is_unnamed: false,
            is_buffer: false,
        }
    }

    /// The model has no parameter of its name, which an exporter made up: if nothing tells its role
    /// either, it is a constant.
    #[must_use]
    pub fn unnamed(mut self) -> Self {
        self.is_unnamed = true;
        self
    }

    /// The model stores it and does not train it: if nothing tells its role either, the model's own
    /// code computes it.
    #[must_use]
    pub fn buffer(mut self) -> Self {
        self.is_buffer = true;
        self
    }

    /// The tensor's role. Of a graph or a module, which know kinds of layers only, a more particular
    /// role of the same kind that the name gives is kept: a `conv` may be a `residual_out`.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = Some(self.fact(role));
        self
    }

    /// The same without a role, where someone else knows it better.
    #[must_use]
    pub(crate) fn without_role(self) -> Self {
        Self { role: None, ..self }
    }

    /// The same without the layer behind it, where it is no plain stack.
    #[must_use]
    pub(crate) fn without_next(self) -> Self {
        Self { next: None, ..self }
    }

    /// The meaning of its axes.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = Some(self.fact(layout));
        self
    }

    /// The weights that it holds, and how they lie. Parts that do not fill the output axis are
    /// an error where an initializer needs them.
    #[must_use]
    pub fn fused(mut self, fused: Fused) -> Self {
        self.fused = Some(self.fact(fused));
        self
    }

    /// The activation that its output goes through.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = Some(self.fact(activation));
        self
    }

    /// Its output is multiplied by this before the activation: by ω in a network of sines.
    #[must_use]
    pub fn times(mut self, factor: f64) -> Self {
        self.times = Some(self.fact(factor));
        self
    }

    /// A normalization comes between it and its activation.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        self.is_normalized = Some(self.fact(true));
        self
    }

    /// It lies in this residual block, counted from 0, of a stack of so many.
    #[must_use]
    pub fn block(mut self, depth: usize, layers: usize) -> Self {
        self.block = Some(self.fact((depth, layers)));
        self
    }

    /// It lies in this residual branch.
    #[must_use]
    pub(super) fn branch(mut self, branch: InBranch) -> Self {
        self.branch = Some(self.fact(branch));
        self
    }

    /// The model gives away what it makes, with nothing but its bias behind.
    #[must_use]
    pub fn output(mut self) -> Self {
        self.is_output = true;
        self
    }

    /// The weight that takes its output, with nothing but its bias, a normalization and its activation
    /// between: no residual sum.
    #[must_use]
    pub fn next(mut self, weight: impl Into<String>) -> Self {
        self.next = Some(self.fact(weight.into()));
        self
    }

    /// This row of a table stands for no token, and is zero.
    #[must_use]
    pub fn padding(mut self, row: usize) -> Self {
        self.padding = Some(self.fact(row));
        self
    }

    /// These facts and others: for each, the one of the stronger source.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            source: self.source.max(other.source),
            role: stronger(self.role, other.role),
            layout: stronger(self.layout, other.layout),
            fused: stronger(self.fused, other.fused),
            activation: stronger(self.activation, other.activation),
            times: stronger(self.times, other.times),
            is_normalized: stronger(self.is_normalized, other.is_normalized),
            block: stronger(self.block, other.block),
            branch: stronger(self.branch, other.branch),
            next: stronger(self.next, other.next),
            padding: stronger(self.padding, other.padding),
            is_output: self.is_output || other.is_output,
            is_unnamed: self.is_unnamed || other.is_unnamed,
            is_buffer: self.is_buffer || other.is_buffer,
        }
    }

    /// All that a tensor states of itself.
    pub(super) fn of(tensor: &Tensor) -> Self {
        let mut facts = Self::from(Source::Description);
        if tensor.role != Role::Unknown {
            facts = facts.role(tensor.role);
        }
        facts.layout = tensor.layout.clone().map(|layout| facts.fact(layout));
        facts.fused = tensor
            .fused
            .as_deref()
            .cloned()
            .map(|fused| facts.fact(fused));
        facts.next = tensor
            .next
            .as_deref()
            .map(|next| facts.fact(next.to_owned()));
        facts.activation = tensor.activation.map(|activation| facts.fact(activation));
        facts.times = tensor.times.map(|factor| facts.fact(factor));
        facts.padding = tensor.padding.map(|row| facts.fact(row));
        if tensor.is_normalized {
            facts = facts.normalized();
        }
        facts.is_output = tensor.is_output;
        facts
    }

    fn fact<T>(&self, value: T) -> Fact<T> {
        Fact {
            value,
            source: self.source,
        }
    }
}

/// The fact of the stronger source; of one source, the one that was stated later.
fn stronger<T>(first: Option<Fact<T>>, later: Option<Fact<T>>) -> Option<Fact<T>> {
    match (first, later) {
        (Some(first), Some(later)) if first.source > later.source => Some(first),
        (first, later) => later.or(first),
    }
}

/// Whatever is known of a list of tensors besides their names and shapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    pub(super) convention: Convention,
    /// The user asked for the convention.
    pub(super) is_convention_stated: bool,
    /// By the tensor's name.
    facts: HashMap<String, Facts>,
}

impl Evidence {
    /// A convention that names or the format suggest.
    pub fn guessed(convention: Convention) -> Self {
        Self {
            convention,
            ..Self::default()
        }
    }

    /// A convention that the user asks for: it overrides names where shapes decide nothing.
    pub fn stated(convention: Convention) -> Self {
        Self {
            is_convention_stated: true,
            ..Self::guessed(convention)
        }
    }

    /// Adds facts of the tensor of this name. Facts of names that no tensor has are ignored.
    pub fn add(&mut self, name: impl Into<String>, facts: Facts) {
        match self.facts.entry(name.into()) {
            Entry::Occupied(mut known) => {
                let all = known.get().clone().and(facts);
                known.insert(all);
            }
            Entry::Vacant(free) => {
                free.insert(facts);
            }
        }
    }

    pub(super) fn of(&self, name: &str) -> Option<&Facts> {
        self.facts.get(name)
    }
}
