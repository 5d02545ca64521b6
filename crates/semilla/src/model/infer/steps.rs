//! One derivation, after all facts are in.
//!
//! The conventions are those of PyTorch's layers, transformers, timm, torchvision, Meta's Llama,
//! Keras and Flax. A name that none of them uses keeps [`Role::Unknown`], and recipes then ask for
//! a rule. Every step reads what the steps before it made of all tensors, so the result does not
//! depend on their order.

use std::collections::HashSet;

use super::convolutions::mark_convolutions;
use super::fused::fused;
use super::index::{All, own_name, sorted};
use super::layouts::{gates, layout};
use super::neighbours::join_biases;
use super::reading::Reading;
use super::residual::{mark_residual_units, number_blocks, width};
use super::roles::role;
use super::sequence::follower;
use super::sides::mark_sides;
use super::whole::Whole;
use crate::activation::Activation;
use crate::dtype::DType;
use crate::layout::{Axis, Layout};
use crate::model::chain::activated;
use crate::model::convention::Convention;
use crate::model::facts::{Evidence, Fact, Facts};
use crate::model::fused::Fused;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::source::Source;
use crate::model::state_dict::Model;
use crate::model::tensor::Tensor;

impl Model {
    /// The model of a list of tensors: each one's role, layout, blocks, depth and activation are
    /// read off its name, its shape and the tensors around it.
    ///
    /// ```
    /// use semilla::{DType, Model, Role, model::Convention};
    ///
    /// let names = ["h.0.attn.c_proj.weight", "h.0.attn.c_proj.bias"];
    /// let shapes = [vec![64, 64], vec![64]];
    /// let tensors = names.iter().zip(shapes).map(|(n, s)| (n.to_string(), s, DType::F32));
    /// let model = Model::infer(tensors, Convention::Pytorch);
    /// assert_eq!(model.tensors[0].role, Role::AttentionOut);
    /// assert_eq!(model.tensors[0].layout.as_ref().unwrap().to_string(), "IO"); // GPT-2's Conv1D
    /// assert_eq!(model.tensors[1].bias_fan_in.unwrap().exact, 64.0);
    /// ```
    pub fn infer(
        tensors: impl IntoIterator<Item = (String, Vec<usize>, DType)>,
        convention: Convention,
    ) -> Self {
        Self::derive(tensors, Evidence::guessed(convention))
    }

    /// The model of a list of tensors and of all that is known of them besides: each fact of a
    /// stronger source overrides what a weaker one says, and what follows from it follows.
    ///
    /// ```
    /// use semilla::model::{Convention, Evidence, Facts, Source};
    /// use semilla::{DType, Layout, Model};
    ///
    /// let mut evidence = Evidence::guessed(Convention::Pytorch);
    /// evidence.add("fc.weight", Facts::from(Source::Graph).layout(Layout::io()));
    /// let tensors = [("fc.weight", vec![8, 4]), ("fc.bias", vec![4])];
    /// let tensors = tensors.map(|(name, shape)| (name.to_owned(), shape, DType::F32));
    /// let model = Model::derive(tensors, evidence);
    /// assert_eq!(model.tensors[1].bias_fan_in.unwrap().exact, 8.0);
    /// ```
    pub fn derive(
        tensors: impl IntoIterator<Item = (String, Vec<usize>, DType)>,
        evidence: Evidence,
    ) -> Self {
        let unread = |(name, shape, dtype)| Tensor::new(name, shape, dtype);
        Self::read(tensors.into_iter().map(unread).collect(), evidence)
    }

    /// The same model with more facts of its tensors, by their places: derived again. Tensors that
    /// were changed since the model was derived keep their changes.
    #[must_use]
    pub fn with_facts(&self, stated: impl IntoIterator<Item = (usize, Facts)>) -> Self {
        let bare =
            |tensor: &Tensor| Tensor::new(tensor.name.clone(), tensor.shape.clone(), tensor.dtype);
        let bare = || self.tensors.iter().map(bare).collect::<Vec<_>>();
        let before = Self::read(bare(), self.evidence.clone());
        let pairs = self.tensors.iter().zip(&before.tensors).enumerate();
        let changed: Vec<usize> = pairs
            .filter(|(_, (now, before))| now != before)
            .map(|(place, _)| place)
            .collect();
        let mut evidence = self.evidence.clone();
        for &place in &changed {
            evidence.add(&*self.tensors[place].name, Facts::of(&self.tensors[place]));
        }
        let mut is_stated = vec![false; self.tensors.len()];
        for (place, facts) in stated {
            if let Some(tensor) = self.tensors.get(place) {
                is_stated[place] = true;
                evidence.add(&*tensor.name, facts);
            }
        }
        let mut model = Self::read(bare(), evidence);
        for place in changed {
            let (own, now) = (&self.tensors[place], &mut model.tensors[place]);
            let fan_in = now.bias_fan_in;
            match is_stated[place] {
                false => *now = own.clone(),
                true => {
                    now.depth = now.depth.or(own.depth);
                    now.layers = now.layers.or(own.layers);
                    if now.blocks.is_empty() && now.fused.is_none() && own.layout == now.layout {
                        now.blocks.clone_from(&own.blocks);
                        now.fused.clone_from(&own.fused);
                    }
                }
            }
            now.bias_fan_in = fan_in.or(own.bias_fan_in);
        }
        if self.layers != before.layers {
            model.layers = self.layers;
        }
        if self.width != before.width {
            model.width = self.width;
        }
        model
    }

    fn read(mut tensors: Vec<Tensor>, evidence: Evidence) -> Self {
        let by_name = sorted(&tensors);
        let whole = Whole::of(&tensors, &evidence);
        let all = All::new(&tensors, &by_name);
        let readings: Vec<Read> = (tensors.iter())
            .map(|tensor| read(tensor, all, &whole, evidence.of(&tensor.name)))
            .collect();
        for (tensor, read) in tensors.iter_mut().zip(readings) {
            read.write(tensor);
        }
        mark_residual_units(&mut tensors);
        mark_convolutions(&mut tensors, &by_name);
        // Of axes and roles the sources above names and shapes have the last word.
        for tensor in &mut tensors {
            if let Some(facts) = evidence.of(&tensor.name) {
                settle(tensor, facts);
            }
        }
        // Few tensors have parts or a next one, and there may be half a million tensors.
        let parts: Vec<(usize, Parts)> = {
            let all = All::new(&tensors, &by_name);
            let parts = |tensor: &Tensor| parts(tensor, all, evidence.of(&tensor.name));
            let found = tensors.iter().map(parts).enumerate();
            found
                .filter(|(_, (fused, blocks))| fused.is_some() || !blocks.is_empty())
                .collect()
        };
        for (place, (fused, blocks)) in parts {
            let tensor = &mut tensors[place];
            (tensor.fused, tensor.blocks) = (fused.map(Box::new), blocks);
        }
        let layers = number_blocks(&mut tensors).max(place_blocks(&mut tensors, &evidence));
        mark_sides(&mut tensors);
        place_in_branches(&mut tensors, &evidence);
        join_biases(&mut tensors, &by_name);
        let next: Vec<(usize, String)> = {
            let all = All::new(&tensors, &by_name);
            let next = |tensor: &Tensor| next(tensor, all, evidence.of(&tensor.name));
            let found = tensors.iter().map(next).enumerate();
            found
                .filter_map(|(place, next)| Some((place, next?)))
                .collect()
        };
        for (place, next) in next {
            tensors[place].next = Some(next.into());
        }
        mark_inputs(&mut tensors);
        mark_outputs(&mut tensors, &evidence);
        let unnamed: Vec<(usize, Role)> = {
            let all = All::new(&tensors, &by_name);
            let last = |tensor: &Tensor| match evidence.of(&tensor.name)? {
                facts if facts.is_buffer => {
                    (!is_kept_by_layers(tensor.role) && !is_stated(facts)).then_some(Role::Computed)
                }
                facts if facts.is_unnamed && tensor.role == Role::Unknown => {
                    Some(unnamed(tensor, all))
                }
                _ => None,
            };
            let tensors = tensors.iter().enumerate();
            tensors
                .filter_map(|(place, tensor)| Some((place, last(tensor)?)))
                .collect()
        };
        for (place, role) in unnamed {
            tensors[place].role = role;
        }
        let width = width(&tensors);
        Self {
            tensors,
            layers,
            width,
            evidence,
        }
    }
}

/// The reading of one tensor by itself.
struct Read {
    role: Reading,
    /// Boxed, as there may be half a million readings at a time.
    layout: (Option<Box<Layout>>, Option<&'static str>),
    activation: Option<Fact<Activation>>,
    padding: Option<usize>,
    times: Option<f64>,
    is_normalized: bool,
}

impl Read {
    fn write(self, tensor: &mut Tensor) {
        tensor.role = self.role.0;
        tensor.layout = self.layout.0.map(|layout| *layout);
        tensor.ground = self.role.1.or(self.layout.1);
        tensor.activation = self.activation.map(|fact| fact.value);
        tensor.activation_from = self.activation.map(|fact| fact.source);
        tensor.padding = self.padding;
        tensor.times = self.times;
        tensor.is_normalized = self.is_normalized;
    }
}

fn read(tensor: &Tensor, all: All<'_>, whole: &Whole<'_>, facts: Option<&Facts>) -> Read {
    let text = own_name(tensor);
    let name = Name::new(text);
    let read = role(tensor, text, all, whole);
    let stated = facts.and_then(|facts| facts.role);
    let role = stated.map_or(read, |stated| refine(read, stated));
    let (layout, ground) = match facts.and_then(|facts| facts.layout.clone()) {
        Some(stated) => (Some(stated.value), None),
        None => layout(&name, text, role.0, &tensor.shape, all, whole),
    };
    // Logits go through no activation.
    let by_role = (role.0 == Role::Head).then_some(Fact {
        value: Activation::Linear,
        source: Source::Name,
    });
    Read {
        role,
        layout: (layout.map(Box::new), ground),
        activation: facts.and_then(|facts| facts.activation).or(by_role),
        padding: facts.and_then(|facts| facts.padding).map(|fact| fact.value),
        times: facts.and_then(|facts| facts.times).map(|fact| fact.value),
        is_normalized: facts.is_some_and(|facts| facts.is_normalized.is_some()),
    }
}

/// Sets the residual blocks that are stated; the number in the highest stack of them.
fn place_blocks(tensors: &mut [Tensor], evidence: &Evidence) -> Option<usize> {
    let mut highest = None;
    for tensor in tensors {
        let stated = evidence.of(&tensor.name).and_then(|facts| facts.block);
        if let Some(Fact {
            value: (depth, layers),
            ..
        }) = stated
        {
            (tensor.depth, tensor.layers) = (Some(depth), Some(layers));
            highest = highest.max(Some(layers));
        }
    }
    highest
}

/// Sets the residual branches that a graph shows.
fn place_in_branches(tensors: &mut [Tensor], evidence: &Evidence) {
    for tensor in tensors {
        if let Some(Fact { value, .. }) = evidence.of(&tensor.name).and_then(|facts| facts.branch) {
            // Names tell the stacks of a network apart.
            let by_name = tensor.branches.filter(|_| value.layers.is_none());
            tensor.branches = by_name.or(Some(value.branches));
            tensor.branch_layers = value.layers.or(tensor.branch_layers);
        }
    }
}

/// Lets the facts stated about a tensor override conclusions from its neighbours.
fn settle(tensor: &mut Tensor, facts: &Facts) {
    if let Some(role) = facts.role {
        tensor.role = refine((tensor.role, None), role).0;
    }
    // A role that the user states has the last word.
    let is_stated = is_stated(facts);
    let ends = facts.branch.is_some_and(|branch| branch.value.is_end);
    if ends && !is_stated {
        tensor.role = match tensor.role {
            Role::Conv | Role::Linear => Role::ResidualOut,
            Role::NormWeight => Role::LastNormWeight,
            Role::Multiplier => Role::BranchScale,
            role => role,
        };
    }
    if let Some(layout) = &facts.layout {
        tensor.layout = Some(layout.value.clone());
        tensor.ground = None;
    }
}

/// Whether someone who knows the tensor itself states its role, and not its kind of layer only.
fn is_stated(facts: &Facts) -> bool {
    facts.role.is_some_and(|role| role.source > Source::Module)
}

/// Whether layers keep such a tensor without training it, and start it at a value of their own. Of
/// others the model's code alone knows what they hold: a matrix of cosines is no layer's weight.
fn is_kept_by_layers(role: Role) -> bool {
    matches!(
        role,
        Role::RunningMean
            | Role::RunningVar
            | Role::Counter
            | Role::Computed
            | Role::Constant
            | Role::PositionIds
            | Role::RotaryFrequencies
            | Role::Sinusoids
            | Role::NormWeight
            | Role::OffsetNormWeight
            | Role::LastNormWeight
            | Role::NormBias
    )
}

/// A stated role. Graphs and modules know kinds of layers: of them, a more particular role of the
/// same kind that the name gives is kept.
fn refine(read: Reading, stated: Fact<Role>) -> Reading {
    let is_kind = match stated.source {
        Source::Graph => true,
        Source::Module => kind(stated.value) == stated.value,
        _ => false,
    };
    let is_particular = is_kind && kind(read.0) == kind(stated.value);
    match is_particular && read.0 != Role::Unknown {
        true => (read.0, None),
        false => (stated.value, None),
    }
}

/// The most general role of the same kind of layer.
fn kind(role: Role) -> Role {
    match role {
        Role::ResidualOut | Role::PatchEmbedding => Role::Conv,
        // What is multiplied by 1 + w has no node or layer that multiplies by w.
        Role::LastNormWeight => Role::NormWeight,
        Role::PositionEmbedding | Role::Token | Role::Sinusoids => Role::Embedding,
        // Some biases are computed: the directions in which a deformable attention looks.
        Role::TimeStepBias | Role::PriorBias | Role::RecurrentBias | Role::Computed => Role::Bias,
        Role::Conv | Role::ConvTranspose => role,
        role if role.is_matrix() => Role::Linear,
        role => role,
    }
}

/// Marks the first layer of each chain of layers: it takes what comes into the network.
fn mark_inputs(tensors: &mut [Tensor]) {
    let next = tensors.iter().filter_map(|tensor| tensor.next.clone());
    let followers: HashSet<Box<str>> = next.collect();
    for tensor in tensors {
        let begins = tensor.next.is_some() && activated(tensor).is_some() && !tensor.is_normalized;
        tensor.is_input = begins && !followers.contains(&*tensor.name);
    }
}

/// Marks the layers whose outputs are the model's. One layer by itself is a part of some model.
fn mark_outputs(tensors: &mut [Tensor], evidence: &Evidence) {
    if tensors
        .iter()
        .filter(|tensor| tensor.role.is_matrix())
        .nth(1)
        .is_none()
    {
        return;
    }
    for tensor in tensors {
        let facts = evidence.of(&tensor.name);
        tensor.is_output = facts.is_some_and(|facts| facts.is_output);
    }
}

/// The role of what an exporter named by the node that takes it, and nothing else tells: a vector
/// that is added where a weight of the same node's is multiplied is its bias.
fn unnamed(tensor: &Tensor, all: All<'_>) -> Role {
    let is_vector = tensor.shape.iter().filter(|&&size| size > 1).count() <= 1;
    let stem = tensor.name.strip_suffix("bias").filter(|_| is_vector);
    let weight = stem.and_then(|stem| all.find(&format!("{stem}weight")));
    match weight.is_some_and(|weight| weight.role.is_matrix()) {
        true => Role::Bias,
        false => Role::Constant,
    }
}

/// What a tensor holds: weights of different roles, sections of its output axis.
type Parts = (Option<Fused>, Vec<usize>);

/// The weight that takes a layer's output behind its activation.
fn next(tensor: &Tensor, all: All<'_>, facts: Option<&Facts>) -> Option<String> {
    let stated = facts.and_then(|facts| facts.next.as_ref());
    stated
        .map(|fact| fact.value.clone())
        .or_else(|| follower(tensor, all))
}

/// The weights that a tensor holds, and the sections of its output axis that are weights of their
/// own, unless they do not fill it.
fn parts(tensor: &Tensor, all: All<'_>, facts: Option<&Facts>) -> Parts {
    let text = own_name(tensor);
    let name = Name::new(text);
    let stated = facts.and_then(|facts| facts.fused.clone());
    if let Some(fused) = stated.map(|fact| fact.value) {
        let blocks = fused.row();
        return (Some(fused), blocks);
    }
    let outputs = (tensor.layout.as_ref()).map(|layout| layout.size(Axis::Out, &tensor.shape));
    let found = fused(&name, text, tensor, all);
    if let Some(fused) = found.filter(|fused| outputs.is_some_and(|out| fused.fits(out))) {
        let blocks = fused.row();
        return (Some(fused), blocks);
    }
    let gates = gates(&name, text, tensor, all);
    match outputs.is_none_or(|outputs| gates.iter().sum::<usize>() == outputs) {
        true => (None, gates),
        false => (None, Vec::new()),
    }
}
