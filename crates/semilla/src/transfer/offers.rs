//! What a checkpoint offers for each tensor of a model: one of its own, several in one, or a part of one.

use std::cell::Cell;
use std::collections::HashMap;

use super::adapt::{Draft, Made, Op};
use super::depth::{Layers, NewLayers};
use super::parts::{Cut, Pattern, cuts, numbered};
use super::{Along, Given, Load, Run, Transfer, TransferError, Unmet, matching_op};
use crate::fill::{Fill, Section};
use crate::layout::{Axis, Layout};
use crate::model::{Model, Role, Tensor};

/// How the axes of source and target lie to each other.
enum Order {
    Same,
    Permuted(Vec<usize>),
    Unknown,
}

/// All that a checkpoint offers, by the names of targets.
pub(super) struct Offers<'a> {
    rules: &'a Transfer,
    target: &'a Model,
    source: &'a Model,
    one_convention: bool,
    /// Tensors of the checkpoint by the names that they got.
    places: HashMap<&'a str, usize>,
    target_places: HashMap<&'a str, usize>,
    /// By their own names.
    source_places: HashMap<&'a str, usize>,
    layers: Option<Layers<'a>>,
    fuses: Vec<(Pattern, Cell<bool>)>,
    cuts: HashMap<String, Cut>,
    /// Whether there is a new layer, and one of its tensors is zero.
    new_layers: Cell<(bool, bool)>,
}

/// What is offered for one target.
pub(super) enum Offer<'a> {
    One(usize),
    /// Parts in order: for each expert, or once.
    Fused {
        parts: Vec<Vec<usize>>,
        are_experts: bool,
        interleaved: Option<usize>,
    },
    Part(&'a Cut),
    /// A layer that is new, and what it is like.
    New(NewLayers, usize),
}

impl Offer<'_> {
    /// The tensors that it takes from.
    pub(super) fn places(&self) -> Vec<usize> {
        match self {
            Offer::One(place) => vec![*place],
            Offer::Fused { parts, .. } => parts.concat(),
            Offer::Part(cut) => vec![cut.place],
            Offer::New(..) => Vec::new(),
        }
    }
}

/// A box of a tensor of the checkpoint.
struct Window {
    /// The tensor as it is seen.
    seen: Tensor,
    /// Where the box begins along each axis, and how far it goes.
    area: Vec<(usize, usize)>,
}

impl Window {
    fn whole(tensor: &Tensor) -> Self {
        Self {
            area: tensor.shape.iter().map(|&size| (0, size)).collect(),
            seen: tensor.clone(),
        }
    }

    fn shape(&self) -> Vec<usize> {
        self.area.iter().map(|(_, size)| *size).collect()
    }
}

impl<'a> Offers<'a> {
    pub(super) fn new(
        rules: &'a Transfer,
        target: &'a Model,
        source: &'a Model,
        offered: &'a [(usize, String)],
        one_convention: bool,
    ) -> Result<Self, TransferError> {
        let own_places = |model: &'a Model| -> HashMap<&'a str, usize> {
            let names = model.tensors.iter().enumerate();
            names
                .map(|(place, tensor)| (tensor.name.as_str(), place))
                .collect()
        };
        let names = offered.iter().map(|(_, name)| name.as_str());
        let targets = target.tensors.iter().map(|tensor| tensor.name.as_str());
        let layers = rules
            .depth
            .as_ref()
            .map(|depth| depth.resolve(targets, names));
        let fuses = rules.fuse.iter().map(|fuse| {
            let pattern = Pattern::new(&fuse.target, &fuse.parts, fuse.interleaved)?;
            Ok((pattern, Cell::new(false)))
        });
        let first = |place: usize| source.tensors[place].shape.first().copied().unwrap_or(0);
        Ok(Self {
            rules,
            target,
            source,
            one_convention,
            places: offered
                .iter()
                .map(|(place, name)| (name.as_str(), *place))
                .collect(),
            target_places: own_places(target),
            source_places: own_places(source),
            layers: layers.transpose()?,
            fuses: fuses.collect::<Result<_, TransferError>>()?,
            cuts: cuts(&rules.split, offered, first)?,
            new_layers: Cell::default(),
        })
    }

    /// What is offered under a target's name.
    pub(super) fn find(&self, name: &str) -> Option<Offer<'_>> {
        let wanted = self.layers.as_ref().and_then(|layers| layers.wanted(name));
        let name = wanted.as_ref().map_or(name, |wanted| &wanted.name);
        let place = self.places.get(name).copied();
        let is_new = wanted.as_ref().is_some_and(|wanted| wanted.is_new);
        if let (true, Some(depth), Some(place)) = (is_new, &self.rules.depth, place)
            && depth.new != NewLayers::Copy
        {
            return Some(Offer::New(depth.new, place));
        }
        if let Some(place) = place {
            return Some(Offer::One(place));
        }
        if let Some(cut) = self.cuts.get(name) {
            return Some(Offer::Part(cut));
        }
        self.fuses.iter().find_map(|(pattern, fired)| {
            let names = pattern.parts(name)?;
            fired.set(true);
            let all = |names: &[String]| -> Option<Vec<usize>> {
                names
                    .iter()
                    .map(|name| self.places.get(name.as_str()).copied())
                    .collect()
            };
            let parts = if pattern.is_numbered() {
                let expert = |index| -> Vec<String> {
                    names.iter().map(|name| numbered(name, index)).collect()
                };
                (0..).map_while(|index| all(&expert(index))).collect()
            } else {
                vec![all(&names)?]
            };
            (!parts.is_empty()).then_some(Offer::Fused {
                parts,
                are_experts: pattern.is_numbered(),
                interleaved: pattern.interleaved,
            })
        })
    }

    /// Every rule that fuses must have found a target, and new layers that are to end in zero a branch's end.
    pub(super) fn check_fired(&self) -> Result<(), TransferError> {
        if let (Some(depth), (true, false)) = (&self.rules.depth, self.new_layers.get()) {
            return Err(TransferError::Depth {
                layers: depth.layers.clone(),
                problem: "no end of a residual branch is known by name in the new ones, so nothing can be zero".to_owned(),
            });
        }
        let unfired = self
            .fuses
            .iter()
            .zip(&self.rules.fuse)
            .find(|((_, fired), _)| !fired.get());
        match unfired {
            None => Ok(()),
            Some((_, fuse)) => Err(TransferError::Unfired {
                what: "the fuse",
                rule: fuse.target.clone(),
                side: "model that the checkpoint does not have whole",
                hint: String::new(),
            }),
        }
    }

    /// The name that a target's source has, in the target's spelling.
    pub(super) fn wanted(&self, name: &str) -> String {
        let wanted = self.layers.as_ref().and_then(|layers| layers.wanted(name));
        wanted.map_or_else(|| name.to_owned(), |wanted| wanted.name)
    }

    /// Whether no layer takes this tensor's.
    pub(super) fn is_left(&self, name: &str) -> bool {
        self.layers
            .as_ref()
            .is_some_and(|layers| layers.is_left(name))
    }

    /// What a target is given of an offer.
    pub(super) fn give(&self, target: &Tensor, offer: &Offer<'_>) -> Result<Given, Unmet> {
        match offer {
            Offer::One(place) => self.one(target, *place),
            Offer::New(new, place) => self.new_layer(target, *new, *place),
            Offer::Part(cut) => self.part(target, cut),
            Offer::Fused {
                parts,
                are_experts,
                interleaved,
            } => self.fused(target, parts, *are_experts, *interleaved),
        }
    }

    fn one(&self, target: &Tensor, place: usize) -> Result<Given, Unmet> {
        let source = &self.source.tensors[place];
        let layer = self.layer(target, source);
        let (load, made) = self.load(target, source, &Window::whole(source), layer)?;
        let role = layer.map_or(target.role, |(target, _)| target.role);
        let next = self.next_layer(target, source, role);
        let out = target
            .layout
            .as_ref()
            .map_or(Some(0), |layout| layout.axis(Axis::Out));
        let (Some((next, kept)), Some(axis)) = (next, out) else {
            return Ok(made.given(Fill::Load(load)));
        };
        let size = target.shape[axis];
        let other = Load {
            tensor: next.name.clone(),
            ..load.clone()
        };
        let section = |load: Load, start: usize, len: usize| Section {
            size: len,
            fill: Fill::Load(load.narrowed(axis, start, len, &target.shape)),
        };
        let sections = vec![section(load, 0, kept), section(other, kept, size - kept)];
        let note = format!(
            "{}; the new units are the next layer's: the function changes",
            made.note
        );
        Ok(Made { note, ..made }.given(Fill::Blocks { axis, sections }))
    }

    /// The next layer's tensor for what a target has beyond its own source's outputs, where that is asked for.
    fn next_layer(
        &self,
        target: &Tensor,
        source: &Tensor,
        role: Role,
    ) -> Option<(&'a Tensor, usize)> {
        let mut ops = self.ops(&target.name);
        if !ops.any(|op| matches!(op, Op::Grow(grow) if grow.takes_next(role))) {
            return None;
        }
        let next = self.source_places.get(next_name(&source.name)?.as_str())?;
        let next = &self.source.tensors[*next];
        let out = |tensor: &Tensor| {
            let axis = tensor
                .layout
                .as_ref()
                .map_or(Some(0), |layout| layout.axis(Axis::Out))?;
            tensor.shape.get(axis).copied()
        };
        let (old, new) = (out(source)?, out(target)?);
        (next.shape == source.shape && new > old).then_some((next, old))
    }

    fn new_layer(&self, target: &Tensor, new: NewLayers, place: usize) -> Result<Given, Unmet> {
        let role = self
            .layer_of(self.target, &self.target_places, target)
            .map_or(target.role, |layer| layer.role);
        let new_one = |fill: Fill, note: &str| Ok(Made::default().and("depth", note).given(fill));
        let constant = |value: f64, note: &str| new_one(Fill::Constant { value }, note);
        let (_, zeroed) = self.new_layers.get();
        self.new_layers
            .set((new == NewLayers::Zero, zeroed || new.zeroes(role)));
        if new.zeroes(role) {
            return constant(
                0.0,
                "zero: the new layer's branch adds nothing at first (the function changes where a norm follows the sum)",
            );
        }
        if new != NewLayers::Identity {
            return self.one(target, place);
        }
        let note = "identity: the new layer passes on what it gets";
        match (target.role, target.shape.len()) {
            (Role::Bias | Role::NormBias | Role::RunningMean, _) => constant(0.0, note),
            (Role::NormWeight | Role::RunningVar, _) => constant(1.0, note),
            (role, 2) if role.is_matrix() && target.shape[0] == target.shape[1] => {
                new_one(Fill::Eye { gain: 1.0 }, note)
            }
            (Role::Conv | Role::ResidualOut, _) if has_equal_widths(target) => {
                let layout = target.layout.clone().unwrap_or_else(|| Layout::conv(2));
                new_one(Fill::Dirac { groups: 1, layout }, note)
            }
            (role, _) if role.is_matrix() => Err(Unmet::Adapt {
                target: target.name.clone(),
                problem: "an identity needs as many outputs as inputs".to_owned(),
            }),
            _ => self.one(target, place),
        }
    }

    fn part(&self, target: &Tensor, cut: &Cut) -> Result<Given, Unmet> {
        let source = &self.source.tensors[cut.place];
        let mut window = Window::whole(source);
        if let Some(index) = cut.expert {
            window = expert(source, index);
        }
        let axis = out_axis(&window.seen);
        if window.area.is_empty() {
            return Err(self.shape_error(target, source));
        }
        let (start, all) = window.area[axis];
        // The parts' own sizes, where the model has them all; else equal ones.
        let own_size = |name: &String| {
            let tensor = &self.target.tensors[*self.target_places.get(name.as_str())?];
            tensor.shape.get(out_axis(tensor)).copied()
        };
        let sizes: Option<Vec<usize>> = cut.parts.iter().map(own_size).collect();
        let sizes = sizes.unwrap_or_else(|| vec![all / cut.parts.len(); cut.parts.len()]);
        let uneven = cut
            .interleaved
            .is_some_and(|heads| !sizes[cut.part].is_multiple_of(heads));
        if sizes.iter().sum::<usize>() != all || uneven {
            return Err(Unmet::Adapt {
                target: target.name.clone(),
                problem: format!(
                    "the parts' sizes {sizes:?} do not make up the {all} of {}",
                    source.name
                ),
            });
        }
        let own = sizes[cut.part];
        let layer = self
            .layer_of(self.target, &self.target_places, target)
            .map(|layer| (layer, layer));
        let Some(heads) = cut.interleaved else {
            let before: usize = sizes[..cut.part].iter().sum();
            window.area[axis] = (start + before, own);
            let (load, made) = self.load(target, source, &window, layer)?;
            let note = format!("part {} of {}", cut.part + 1, sizes.len());
            return Ok(made.and("split", &note).given(Fill::Load(load)));
        };
        let (width, group) = (own / heads, all / heads);
        let before: usize = sizes[..cut.part].iter().map(|size| size / heads).sum();
        let target_axis = out_axis(target);
        let section_target = narrowed(target, target_axis, width);
        let mut made = Made::default();
        let sections: Result<Vec<Section>, Unmet> = (0..heads)
            .map(|head| {
                window.area[axis] = (start + head * group + before, width);
                let (load, by) = self.load(&section_target, source, &window, layer)?;
                made.by = by.by;
                let fill = Fill::Load(load);
                Ok(Section { size: width, fill })
            })
            .collect();
        let fill = Fill::Blocks {
            axis: target_axis,
            sections: sections?,
        };
        let note = format!(
            "part {} of {} in each of {heads} heads",
            cut.part + 1,
            sizes.len()
        );
        Ok(made.and("split", &note).given(fill))
    }

    fn fused(
        &self,
        target: &Tensor,
        parts: &[Vec<usize>],
        are_experts: bool,
        interleaved: Option<usize>,
    ) -> Result<Given, Unmet> {
        if !are_experts {
            let axis = out_axis(target);
            let (fill, made) = self.joined(target, axis, &parts[0], interleaved, Window::whole)?;
            let note = format!("{} tensors in one along axis {axis}", parts[0].len());
            return Ok(made.and("fuse", &note).given(fill));
        }
        if target.shape.first() != Some(&parts.len()) {
            return Err(Unmet::Adapt {
                target: target.name.clone(),
                problem: format!(
                    "the checkpoint has all parts of {} experts, the model has {}",
                    parts.len(),
                    target.shape.first().copied().unwrap_or(0)
                ),
            });
        }
        let one = narrowed(target, 0, 1);
        let axis = match &target.layout {
            Some(layout) => layout.axis(Axis::Out).unwrap_or(1),
            None => 1,
        };
        let mut made = Made::default();
        let sections: Result<Vec<Section>, Unmet> = parts
            .iter()
            .map(|parts| {
                let (fill, by) = self.joined(&one, axis, parts, interleaved, stacked)?;
                made = by;
                Ok(Section { size: 1, fill })
            })
            .collect();
        let fill = Fill::Blocks {
            axis: 0,
            sections: sections?,
        };
        let note = format!(
            "{} experts of {} tensors in one",
            parts.len(),
            parts[0].len()
        );
        Ok(made.and("fuse", &note).given(fill))
    }

    /// Several tensors one after the other along an axis, or by turns of heads.
    fn joined(
        &self,
        target: &Tensor,
        axis: usize,
        parts: &[usize],
        interleaved: Option<usize>,
        window: impl Fn(&Tensor) -> Window,
    ) -> Result<(Fill, Made), Unmet> {
        let mut sections = Vec::new();
        let mut made = Made::default();
        let turns = interleaved.unwrap_or(1);
        for turn in 0..turns {
            for &place in parts {
                let source = &self.source.tensors[place];
                let mut window = window(source);
                let cut = out_axis(&window.seen);
                let Some(&(_, size)) = window.area.get(cut).filter(|(_, size)| size % turns == 0)
                else {
                    return Err(self.shape_error(target, source));
                };
                let width = size / turns;
                window.area[cut] = (turn * width, width);
                let mut section = narrowed(target, axis, width);
                section.role = source.role;
                let layer = self
                    .layer_of(self.source, &self.source_places, source)
                    .map(|layer| (layer, layer));
                let (load, by) = self.load(&section, source, &window, layer)?;
                made.by = by.by;
                let fill = Fill::Load(load);
                sections.push(Section { size: width, fill });
            }
        }
        let total: usize = sections.iter().map(|section| section.size).sum();
        if target.shape.get(axis) != Some(&total) {
            return Err(Unmet::Adapt {
                target: target.name.clone(),
                problem: format!(
                    "its parts make up {total} of axis {axis}, not {}",
                    target.shape.get(axis).copied().unwrap_or(0)
                ),
            });
        }
        Ok((Fill::Blocks { axis, sections }, made))
    }

    fn ops(&self, name: &str) -> impl Iterator<Item = &'a Op> {
        matching_op(&self.rules.adapt, name)
    }

    /// A window of a tensor as a load for a target, by the operations that are given for it.
    fn load(
        &self,
        target: &Tensor,
        source: &Tensor,
        window: &Window,
        layer: Option<(&Tensor, &Tensor)>,
    ) -> Result<(Load, Made), Unmet> {
        if target.dtype.is_float() != source.dtype.is_float() {
            return Err(Unmet::Kind {
                target: target.name.clone(),
                dtype: target.dtype,
                found: source.dtype,
            });
        }
        let adapt_error = |problem: String| Unmet::Adapt {
            target: target.name.clone(),
            problem,
        };
        let is_recurrent = matches!(
            target.role,
            Role::RecurrentInput | Role::RecurrentHidden | Role::RecurrentBias
        );
        if is_recurrent && target.blocks.len() == 3 && !self.one_convention {
            return Err(adapt_error(
                "a GRU's gates lie in another order there (Keras: update, reset; PyTorch: reset, update), which no operation \
                 changes yet; convert them with their own framework"
                    .to_owned(),
            ));
        }
        let mut seen = Tensor {
            shape: window.shape(),
            ..window.seen.clone()
        };
        let mut load = Load::whole(0, &source.name);
        if window.seen.shape != source.shape {
            load.view = window.seen.shape.clone();
        }
        let is_whole = seen.shape == source.shape;
        let mut seen_by = Vec::new();
        for op in self.ops(&target.name).filter(|_| is_whole) {
            if let Some(other) = op.seen(target, &seen).map_err(adapt_error)? {
                load.view = other.shape.clone();
                seen = other;
                seen_by.push(op.name().to_owned());
            }
        }
        if seen.shape.len() != target.shape.len() {
            return Err(self.shape_error(target, source));
        }
        match order(target, &seen) {
            Order::Same => {}
            Order::Unknown if self.one_convention => {}
            Order::Permuted(axes) => load.permute = axes,
            Order::Unknown => {
                return Err(Unmet::Layout {
                    target: target.name.clone(),
                    source: source.name.clone(),
                });
            }
        }
        let rank = target.shape.len();
        let found: Vec<usize> = (0..rank)
            .map(|axis| seen.shape[load.source_axis(axis)])
            .collect();
        let mut draft = Draft {
            target,
            source,
            layer,
            is_batch_norm: self.is_batch_norm(&target.name),
            found: found.clone(),
            load,
            axes: vec![None; rank],
            by: seen_by,
            notes: Vec::new(),
        };
        for op in self.ops(&target.name) {
            draft.apply(op).map_err(adapt_error)?;
        }
        let (mut load, made) = draft.finish().ok_or_else(|| Unmet::Shape {
            target: target.name.clone(),
            shape: target.shape.clone(),
            source: source.name.clone(),
            found,
        })?;
        if !load.rows_can_be_alike() {
            return Err(adapt_error(
                "rows like the others need all else of the table in place".to_owned(),
            ));
        }
        shift(&mut load, window, &target.shape).map_err(adapt_error)?;
        Ok((load, made))
    }

    fn shape_error(&self, target: &Tensor, source: &Tensor) -> Unmet {
        Unmet::Shape {
            target: target.name.clone(),
            shape: target.shape.clone(),
            source: source.name.clone(),
            found: source.shape.clone(),
        }
    }

    /// The weights of the layers that two vectors belong to.
    fn layer(&self, target: &Tensor, source: &Tensor) -> Option<(&'a Tensor, &'a Tensor)> {
        let target = self.layer_of(self.target, &self.target_places, target)?;
        let source = self.layer_of(self.source, &self.source_places, source)?;
        Some((target, source))
    }

    /// The weight beside a bias.
    fn layer_of(
        &self,
        model: &'a Model,
        places: &HashMap<&str, usize>,
        tensor: &Tensor,
    ) -> Option<&'a Tensor> {
        let at = tensor.name.rfind(['.', '/']).map_or(0, |at| at + 1);
        let (stem, leaf) = tensor.name.split_at(at);
        let weights = ["weight", "kernel"].map(|weight| leaf.replace("bias", weight));
        let names = weights.iter().filter(|weight| *weight != leaf);
        let mut found = names.filter_map(|weight| places.get(format!("{stem}{weight}").as_str()));
        found.next().map(|&place| &model.tensors[place])
    }

    fn is_batch_norm(&self, name: &str) -> bool {
        let stem = &name[..name.rfind(['.', '/']).map_or(0, |at| at + 1)];
        ["running_mean", "moving_mean", "mean"].iter().any(|leaf| {
            self.target_places
                .contains_key(format!("{stem}{leaf}").as_str())
        })
    }
}

/// The axis along which projections are fused: the output's, else the first.
fn out_axis(tensor: &Tensor) -> usize {
    let layout = tensor.layout.as_ref();
    layout
        .and_then(|layout| layout.axis(Axis::Out))
        .unwrap_or(0)
}

fn narrowed(tensor: &Tensor, axis: usize, size: usize) -> Tensor {
    let mut narrowed = tensor.clone();
    if let Some(own) = narrowed.shape.get_mut(axis) {
        *own = size;
    }
    narrowed.blocks.clear();
    narrowed
}

/// A tensor behind a leading axis of one expert.
fn stacked(tensor: &Tensor) -> Window {
    let mut seen = tensor.clone();
    seen.shape.insert(0, 1);
    seen.layout = seen.layout.map(Layout::stacked);
    Window::whole(&seen)
}

/// One expert of a tensor, without the leading axis: a window of the tensor with its first two axes made one.
fn expert(tensor: &Tensor, index: usize) -> Window {
    let mut seen = tensor.clone();
    if seen.shape.len() < 2 {
        return Window::whole(tensor);
    }
    let experts = seen.shape.remove(0);
    let size = seen.shape[0];
    seen.shape[0] = experts * size;
    seen.layout = seen
        .layout
        .filter(|layout| layout.axes().len() == tensor.shape.len())
        .map(|layout| layout.without_axis(0));
    let mut window = Window::whole(&seen);
    window.area[0] = (index * size, size);
    window
}

/// Runs inside of a window as runs of the whole tensor.
fn shift(load: &mut Load, window: &Window, target: &[usize]) -> Result<(), String> {
    let is_whole = window
        .area
        .iter()
        .zip(&window.seen.shape)
        .all(|((_, size), all)| size == all);
    if is_whole {
        return Ok(());
    }
    if load.axes.is_empty() {
        load.axes = target
            .iter()
            .map(|&size| Along::Runs(vec![Run::new(0, 0, size)]))
            .collect();
    }
    for axis in 0..target.len() {
        let place = load.source_axis(axis);
        let (start, size) = window.area[place];
        match &mut load.axes[axis] {
            Along::Runs(runs) => runs.iter_mut().for_each(|run| run.from += start),
            Along::Resized(_) if size == window.seen.shape[place] => {}
            Along::Resized(_) => return Err("a part of an axis cannot be resized".to_owned()),
        }
    }
    Ok(())
}

/// A layer's tensor in the next layer: its first number plus one.
fn next_name(name: &str) -> Option<String> {
    let mut parts: Vec<String> = name.split('.').map(str::to_owned).collect();
    let layer = parts
        .iter_mut()
        .find(|part| part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty())?;
    *layer = layer.parse::<usize>().ok()?.checked_add(1)?.to_string();
    Some(parts.join("."))
}

/// Whether a convolution has as many outputs as inputs.
fn has_equal_widths(tensor: &Tensor) -> bool {
    let size = |kind| {
        tensor
            .layout
            .as_ref()
            .map(|layout| layout.size(kind, &tensor.shape))
    };
    size(Axis::Out) == size(Axis::In)
}

/// The order of the source's axes that is the target's, read off their layouts, never off their sizes: most matrices
/// of a transformer are square.
fn order(target: &Tensor, source: &Tensor) -> Order {
    if target.shape.len() != source.shape.len() || target.shape.len() < 2 {
        return Order::Same;
    }
    let (Some(to), Some(from)) = (&target.layout, &source.layout) else {
        return match target.layout == source.layout {
            true => Order::Same,
            false => Order::Unknown,
        };
    };
    let (to, from) = (to.axes(), from.axes());
    if to.len() != target.shape.len() || from.len() != source.shape.len() {
        return Order::Unknown;
    }
    let mut taken = vec![false; from.len()];
    let mut axes = Vec::with_capacity(to.len());
    for axis in to {
        let place = (0..from.len()).find(|&place| !taken[place] && from[place] == *axis);
        let Some(place) = place else {
            return Order::Unknown;
        };
        taken[place] = true;
        axes.push(place);
    }
    if axes.iter().copied().eq(0..from.len()) {
        Order::Same
    } else {
        Order::Permuted(axes)
    }
}
