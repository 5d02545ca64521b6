//! What to do with a tensor that does not fit: operations along axes, each with what it leaves true.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::width::{Grow, Select};
use super::{Along, Filter, Given, Load, Resize, Run};
use crate::fill::Fill;
use crate::layout::{Axis, Layout};
use crate::model::Tensor;

/// An operation for the target tensors that a glob matches.
///
/// In a recipe `adapt = [{ match = "*.patch_embed.proj.weight", op = "patch" }]`; the operation as a table, or as the text that
/// [`Op::from_str`] reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapt {
    /// The targets.
    #[serde(rename = "match")]
    pub glob: String,
    /// What is done to them.
    #[serde(deserialize_with = "text_or_table")]
    pub op: Op,
}

/// How a tensor of a checkpoint is made to fit one of the model. Operations touch the axes that they are about; several may be
/// given for one tensor. An axis that fits already is left alone by all but `rotary` and `rows`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// The part that both shapes have, from the first index of each axis on; the rest by the recipe.
    Overlap,
    /// The same elements in the same order in another shape: a linear patch embedding as a convolution (or back), a table
    /// with or without its leading 1.
    Reshape,
    /// Another number of input channels.
    Channels(Channels),
    /// A kernel of another size whose response to resized patches stays: the pseudo-inverse of resizing (FlexiViT; Beyer et
    /// al. 2023, section 3.4). `timm.layers.resample_patch_embed`.
    Patch {
        /// How patches would be resized.
        #[serde(default)]
        filter: Filter,
    },
    /// Absolute positions of a grid, resized; `timm.layers.resample_abs_pos_embed`.
    Positions {
        /// Tokens before the grid (class, distillation, registers); found if there is one number that makes both grids squares.
        #[serde(default)]
        prefix: Option<usize>,
        /// The checkpoint's grid; a square if not given.
        #[serde(default)]
        from: Option<Vec<usize>>,
        /// The model's grid; a square if not given.
        #[serde(default)]
        grid: Option<Vec<usize>>,
        /// How positions between the grid's come about.
        #[serde(default)]
        filter: Filter,
    },
    /// A table of relative positions of a window, resized: (2h - 1)(2w - 1) rows.
    BiasTable {
        /// Rows after the table, such as those for a class token.
        #[serde(default)]
        extra: usize,
        /// The checkpoint's window; a square if not given.
        #[serde(default)]
        from: Option<Vec<usize>>,
        /// The model's window; a square if not given.
        #[serde(default)]
        window: Option<Vec<usize>>,
        /// How values between offsets come about: `bicubic_point` as `timm`'s simple form, `geometric` as BEiT's.
        #[serde(default = "point")]
        filter: Filter,
    },
    /// A kernel with one more extent, such as time (Carreira & Zisserman 2017).
    Inflate(Inflate),
    /// A kernel without its first extent: the sum over it.
    Deflate,
    /// Rows of a table or of a head, chosen by class or token.
    Rows(Rows),
    /// Rows of query and key projections between the two orders of rotary embeddings.
    Rotary {
        /// The heads of this projection.
        heads: usize,
        /// The order that the model has.
        to: Rotary,
    },
    /// A smaller model out of a larger one.
    Select(Select),
    /// A larger model out of a smaller one.
    Grow(Grow),
}

/// How a convolution or linear layer gets another number of input channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Fewer channels: each is the sum of neighbours, so the response to equal channels stays.
    Sum,
    /// Every channel is the mean of all: the response to equal channels changes by the ratio of their numbers.
    Mean,
    /// Channels repeated in turns, all times old / new; one channel is the sum. `timm`'s `adapt_input_conv`: exact for equal
    /// channels only if the new number is a multiple of the old.
    Timm,
    /// Channels repeated in turns, each divided by how often it occurs (fewer: sums): the response to equal channels stays,
    /// whatever the numbers.
    Preserve,
    /// New channels zero: the response to the old ones stays, the new ones are ignored at first.
    Zero,
}

/// How a kernel gets one more extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inflate {
    /// The kernel in every slice, divided by their number: the old response to a constant clip, except at padded ends.
    Mean,
    /// The kernel in the middle slice: the old response to every frame.
    Center,
}

/// Which row of the checkpoint becomes which of the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rows {
    /// For each row of the model the checkpoint's, or several whose mean is taken (the pieces of a new token), or none
    /// (-1 or an empty list). If not given: the same indices, from [`offset`](Self::offset) on.
    pub map: Option<Vec<RowSource>>,
    /// A file with such a map, or with the labels of the checkpoint's rows; the caller reads it. JSON: a list of labels, or a table
    /// from labels to rows; anything else: a label per line.
    pub from: Option<String>,
    /// The labels of the model's rows, in the same form.
    pub to: Option<String>,
    /// The first row of the checkpoint that is meant: 1 drops a background class.
    pub offset: usize,
    /// What the rows without a source become.
    pub new: NewRows,
}

/// The checkpoint's rows for one of the model's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RowSource {
    /// One row; none if negative.
    One(i64),
    /// The mean of several; none if empty.
    Several(Vec<usize>),
}

/// What rows without a source become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewRows {
    /// What the recipe says.
    #[default]
    Scheme,
    /// 0.
    Zero,
    /// The mean of the checkpoint's rows: all equal.
    Mean,
    /// Normal with the mean and the covariance of the checkpoint's rows (Hewitt 2021).
    Covariance,
    /// The same with the covariance times a factor; transformers' `mean_resizing` takes 1e-9.
    ScaledCovariance(f64),
}

/// How the two halves of a rotated pair lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotary {
    /// Pairs (i, i + d/2): transformers.
    Halves,
    /// Pairs (2i, 2i + 1): Meta's Llama, GGUF.
    Pairs,
}

fn point() -> Filter {
    Filter::BicubicPoint
}

/// The text is no operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the operation {text:?}: {problem}; write NAME, NAME:VALUE or NAME:KEY=VALUE,..., such as overlap, \
     channels:preserve, positions:prefix=1, grow:heads=[6,12]"
)]
pub struct InvalidOp {
    text: String,
    problem: String,
}

impl FromStr for Op {
    type Err = InvalidOp;

    /// `overlap`, `channels:sum`, `positions:prefix=1,grid=[16,16]`: values as in TOML, single words without quotes.
    fn from_str(text: &str) -> Result<Self, InvalidOp> {
        #[derive(Deserialize)]
        struct Document {
            op: Op,
        }
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let name = name.trim().replace('-', "_");
        let quoted = |word: &str| format!("{word:?}");
        let forms = match argument {
            "" => vec![quoted(&name), format!("{{ {} = {{}} }}", quoted(&name))],
            _ if argument.contains('=') => {
                vec![format!(
                    "{{ {} = {{ {} }} }}",
                    quoted(&name),
                    words_quoted(argument)
                )]
            }
            word => vec![format!("{{ {} = {} }}", quoted(&name), quoted(word.trim()))],
        };
        let mut problem = String::new();
        for form in forms {
            match toml::from_str::<Document>(&format!("op = {form}")) {
                Ok(document) => return Ok(document.op),
                Err(error) => problem = error.message().to_owned(),
            }
        }
        let text = text.to_owned();
        Err(InvalidOp { text, problem })
    }
}

/// `a=b` as `a="b"`, where b is a word and not true, false or a number.
fn words_quoted(argument: &str) -> String {
    let is_word = |value: &str| {
        value.starts_with(|c: char| c.is_alphabetic() || c == '/' || c == '.')
            && !matches!(value, "true" | "false" | "inf" | "nan")
    };
    let parts = argument.split(',').map(|part| match part.split_once('=') {
        Some((key, value)) if is_word(value.trim()) => {
            format!("{key} = {:?}", value.trim())
        }
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

fn text_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Op, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Table(Op),
    }
    match Form::deserialize(deserializer)? {
        Form::Text(text) => text.parse().map_err(serde::de::Error::custom),
        Form::Table(op) => Ok(op),
    }
}

/// A load that is being made: what of it is settled, and why.
pub(super) struct Draft<'a> {
    pub(super) target: &'a Tensor,
    /// The checkpoint's tensor as it is.
    pub(super) source: &'a Tensor,
    /// The weights of the layers that both belong to, where they are vectors beside one.
    pub(super) layer: Option<(&'a Tensor, &'a Tensor)>,
    /// Whether running statistics lie beside the target.
    pub(super) is_batch_norm: bool,
    /// Its shape as it is seen, in the target's order of axes.
    pub(super) found: Vec<usize>,
    pub(super) load: Load,
    /// What is settled along each of the target's axes.
    pub(super) axes: Vec<Option<Along>>,
    /// The operations that did something.
    pub(super) by: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// The operations that made a load, and what they leave true.
#[derive(Default)]
pub(super) struct Made {
    pub(super) by: Vec<String>,
    pub(super) note: String,
}

impl Made {
    pub(super) fn given(self, fill: Fill) -> Given {
        let Self { by, note } = self;
        Given { fill, by, note }
    }

    /// Both, one after the other, each operation once.
    pub(super) fn and(mut self, by: &str, note: &str) -> Self {
        if !self.by.iter().any(|own| own == by) {
            self.by.insert(0, by.to_owned());
        }
        self.note = match self.note.is_empty() {
            true => note.to_owned(),
            false => format!("{note}; {}", self.note),
        };
        self
    }
}

impl Draft<'_> {
    /// The load, if every axis fits.
    pub(super) fn finish(mut self) -> Option<(Load, Made)> {
        let sizes = self.found.iter().zip(&self.target.shape);
        let settled = self
            .axes
            .iter()
            .zip(sizes)
            .all(|(along, (a, b))| along.is_some() || a == b);
        if !settled {
            return None;
        }
        if self.axes.iter().any(Option::is_some) {
            let axes = self.axes.into_iter().zip(&self.target.shape);
            let whole = |size: usize| Along::Runs(vec![Run::new(0, 0, size)]);
            self.load.axes = axes
                .map(|(along, &size)| along.unwrap_or_else(|| whole(size)))
                .collect();
        }
        self.notes.dedup();
        let (by, note) = (self.by, self.notes.join("; "));
        Some((self.load, Made { by, note }))
    }

    /// Carries out an operation, and remembers it if it did something.
    pub(super) fn apply(&mut self, op: &Op) -> Result<(), String> {
        let state = |draft: &Self| {
            let settled = draft.axes.iter().flatten().count();
            (settled, draft.notes.len())
        };
        let before = state(self);
        op.settle(self)?;
        if state(self) != before {
            self.did(op.name());
        }
        Ok(())
    }

    pub(super) fn did(&mut self, name: &str) {
        if self.by.last().is_none_or(|last| last != name) {
            self.by.push(name.to_owned());
        }
    }

    /// The first axis of a kind.
    fn axis(&self, kind: Axis) -> Option<usize> {
        self.target.layout.as_ref()?.axis(kind)
    }

    /// Whether an axis is open and its sizes differ.
    fn differs(&self, axis: usize) -> bool {
        self.axes[axis].is_none() && self.found[axis] != self.target.shape[axis]
    }

    fn sizes(&self, axis: usize) -> (usize, usize) {
        (self.found[axis], self.target.shape[axis])
    }

    fn resize(&mut self, axis: usize, resize: Resize) -> Result<(), String> {
        let (from, to) = self.sizes(axis);
        if let Some(problem) = resize.problem(to) {
            return Err(problem);
        }
        if resize.from_size() != Some(from) {
            return Err(format!(
                "the grid {:?} does not make up an axis of {from}",
                resize.from
            ));
        }
        self.axes[axis] = Some(Along::Resized(resize));
        Ok(())
    }
}

impl Op {
    /// The name by which recipes ask for it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Op::Overlap => "overlap",
            Op::Reshape => "reshape",
            Op::Channels(_) => "channels",
            Op::Patch { .. } => "patch",
            Op::Positions { .. } => "positions",
            Op::BiasTable { .. } => "bias_table",
            Op::Inflate(_) => "inflate",
            Op::Deflate => "deflate",
            Op::Rows(_) => "rows",
            Op::Rotary { .. } => "rotary",
            Op::Select(_) => "select",
            Op::Grow(_) => "grow",
        }
    }

    /// The source as it must be seen to have as many axes as the target, and that shape where it is another.
    pub(super) fn seen(&self, target: &Tensor, source: &Tensor) -> Result<Option<Tensor>, String> {
        let rank = target.shape.len();
        let with = |shape: Vec<usize>, layout: Option<Layout>| {
            Some(Tensor {
                shape,
                layout,
                ..source.clone()
            })
        };
        match self {
            Op::Reshape if source.shape != target.shape => {
                let first = |tensor: &Tensor| tensor.layout.as_ref().map(|l| l.axes()[0]);
                let order_kept = first(target) == first(source) || target.layout.is_none();
                match (source.len() == target.len(), order_kept) {
                    (false, _) => Err("reshape needs as many elements on both sides".to_owned()),
                    (_, false) => {
                        Err("reshape needs the same order of axes on both sides".to_owned())
                    }
                    _ => Ok(with(target.shape.clone(), target.layout.clone())),
                }
            }
            Op::Inflate(_) if source.shape.len() + 1 == rank => {
                let Some(layout) = &source.layout else {
                    return Err("inflate needs a kernel of known layout".to_owned());
                };
                let place = layout.axis(Axis::Kernel).ok_or("inflate needs a kernel")?;
                let mut shape = source.shape.clone();
                shape.insert(place, 1);
                Ok(with(shape, Some(layout.with_kernel_axis(place))))
            }
            Op::Deflate if source.shape.len() == rank + 1 => {
                let place = first_extent(source)?;
                let mut shape = source.shape.clone();
                let depth = shape.remove(place);
                shape[place.saturating_sub(1)] *= depth;
                let layout = source
                    .layout
                    .as_ref()
                    .map(|layout| layout.without_axis(place));
                Ok(with(shape, layout))
            }
            _ => Ok(None),
        }
    }

    /// Settles the axes that the operation is about.
    fn settle(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        match self {
            Op::Overlap => {
                for axis in 0..draft.axes.len() {
                    if draft.differs(axis) {
                        let (from, to) = draft.sizes(axis);
                        draft.axes[axis] = Some(Along::Runs(vec![Run::new(0, 0, from.min(to))]));
                    }
                }
                Ok(())
            }
            Op::Reshape => {
                if draft.source.shape != draft.target.shape {
                    draft
                        .notes
                        .push(format!("reshaped from {:?}", draft.source.shape));
                }
                Ok(())
            }
            Op::Channels(channels) => channels.settle(draft),
            Op::Patch { filter } => patch(*filter, draft),
            Op::Positions {
                prefix,
                from,
                grid,
                filter,
            } => positions(*prefix, from.as_deref(), grid.as_deref(), *filter, draft),
            Op::BiasTable {
                extra,
                from,
                window,
                filter,
            } => bias_table(*extra, from.as_deref(), window.as_deref(), *filter, draft),
            Op::Inflate(inflate) => inflate.settle(draft),
            Op::Deflate => deflate(draft),
            Op::Rows(rows) => rows.settle(draft),
            Op::Rotary { heads, to } => to.settle(*heads, draft),
            Op::Select(select) => select.settle(draft),
            Op::Grow(grow) => grow.settle(draft),
        }
    }
}

impl Channels {
    fn settle(self, draft: &mut Draft<'_>) -> Result<(), String> {
        let axis = draft.axis(Axis::In).ok_or("it has no input channels")?;
        if !draft.differs(axis) {
            return Ok(());
        }
        let (old, new) = draft.sizes(axis);
        if old == 0 || new == 0 {
            return Err("there is no channel".to_owned());
        }
        let sums = new < old && old.is_multiple_of(new);
        // timm sums for gray input only: one channel, or one per position of a space-to-depth stem of RGB.
        let timm_sums = new == 1 || (old > 3 && old == 3 * new);
        let times = |index: usize| (index..new).step_by(old).count() as f64;
        let turns = |scale: &dyn Fn(usize) -> f64| {
            (0..new)
                .map(|to| Run {
                    scale: scale(to % old),
                    ..Run::new(to % old, to, 1)
                })
                .collect::<Vec<_>>()
        };
        let groups = || {
            (0..old)
                .map(|from| Run::new(from, from * new / old, 1))
                .collect::<Vec<_>>()
        };
        let (runs, note) = match self {
            Channels::Sum if !sums => {
                return Err(format!(
                    "{new} channels cannot each be the sum of {old} / {new}"
                ));
            }
            Channels::Sum => (groups(), "the response to equal channels stays"),
            Channels::Timm if sums && timm_sums => {
                (groups(), "the response to equal channels stays")
            }
            Channels::Timm if new.is_multiple_of(old) => (
                turns(&|_| old as f64 / new as f64),
                "the response to equal channels stays",
            ),
            Channels::Timm => (
                turns(&|_| old as f64 / new as f64),
                "the response to equal channels changes unless all kernels are alike",
            ),
            Channels::Preserve if new < old => (groups(), "the response to equal channels stays"),
            Channels::Preserve => (
                turns(&|from| 1.0 / times(from)),
                "the response to equal channels stays",
            ),
            Channels::Mean => {
                let scale = 1.0 / old as f64;
                let all = (0..new).flat_map(|to| (0..old).map(move |from| (from, to)));
                let runs = all.map(|(from, to)| Run {
                    scale,
                    ..Run::new(from, to, 1)
                });
                (
                    runs.collect(),
                    "the response to equal channels changes by new / old",
                )
            }
            Channels::Zero if new < old => {
                return Err("zero adds channels; there are fewer (sum or preserve)".to_owned());
            }
            Channels::Zero => {
                let mut runs = vec![Run::new(0, 0, old)];
                runs.extend((old..new).map(|to| Run {
                    scale: 0.0,
                    ..Run::new(0, to, 1)
                }));
                (runs, "the response to the old channels stays")
            }
        };
        draft.axes[axis] = Some(Along::Runs(runs));
        let name = format!("{self:?}").to_lowercase();
        draft
            .notes
            .push(format!("{old} to {new} input channels by {name}: {note}"));
        Ok(())
    }
}

fn patch(filter: Filter, draft: &mut Draft<'_>) -> Result<(), String> {
    let layout = draft
        .target
        .layout
        .clone()
        .ok_or("its kernel's axes are not known")?;
    let kernel: Vec<usize> = (0..layout.axes().len())
        .filter(|&axis| layout.axes()[axis] == Axis::Kernel && draft.differs(axis))
        .collect();
    let mut grown = true;
    for &axis in &kernel {
        let (from, to) = draft.sizes(axis);
        grown &= to >= from;
        let resize = Resize {
            before: 0,
            from: vec![from],
            to: vec![to],
            after: 0,
            filter,
            inverse: true,
        };
        draft.resize(axis, resize)?;
    }
    if !kernel.is_empty() {
        draft.notes.push(match grown {
            true => "kernel resized by the pseudo-inverse: the response to enlarged patches stays".to_owned(),
            false => "kernel resized by the pseudo-inverse: the response to reduced patches is nearest in least squares".to_owned(),
        });
    }
    Ok(())
}

fn square(count: usize) -> Option<usize> {
    let side = count.isqrt();
    (side > 0 && side * side == count).then_some(side)
}

/// A stated grid, or the square that a number of points makes up.
fn grid_of(given: Option<&[usize]>, points: Option<usize>) -> Option<Vec<usize>> {
    match given {
        Some(grid) => Some(grid.to_vec()),
        None => square(points?).map(|side| vec![side, side]),
    }
}

fn positions(
    prefix: Option<usize>,
    from: Option<&[usize]>,
    grid: Option<&[usize]>,
    filter: Filter,
    draft: &mut Draft<'_>,
) -> Result<(), String> {
    let axis = draft
        .axes
        .len()
        .checked_sub(2)
        .ok_or("it has no axis of positions")?;
    let (old, new) = draft.sizes(axis);
    let same_grid = from.is_some() && from == grid;
    if draft.axes[axis].is_some() || same_grid || (old == new && from.is_none() && grid.is_none()) {
        return Ok(());
    }
    let resize = |before: usize| {
        let resize = Resize {
            before,
            from: grid_of(from, old.checked_sub(before))?,
            to: grid_of(grid, new.checked_sub(before))?,
            after: 0,
            filter,
            inverse: false,
        };
        let fits = resize.from_size() == Some(old) && resize.to_size() == Some(new);
        fits.then_some(resize)
    };
    /// A class token, a distillation token, and up to 16 registers.
    const MOST_TOKENS: usize = 18;
    let tried = match prefix {
        Some(prefix) => prefix..prefix + 1,
        None => 0..MOST_TOKENS,
    };
    let mut fitting: Vec<Resize> = tried.filter_map(resize).collect();
    if fitting.len() != 1 {
        return Err(format!(
            "{old} and {new} positions are {} grids after the same number of tokens; state prefix, from and grid",
            if fitting.is_empty() { "no" } else { "several" }
        ));
    }
    let resize = fitting.swap_remove(0);
    let (before, from, to) = (resize.before, resize.from.clone(), resize.to.clone());
    draft.resize(axis, resize)?;
    draft.notes.push(format!(
        "positions {} to {} {}, tokens before them as they are: {before}",
        sides(&from),
        sides(&to),
        name(filter)
    ));
    Ok(())
}

fn sides(grid: &[usize]) -> String {
    let sides: Vec<String> = grid.iter().map(usize::to_string).collect();
    sides.join("×")
}

fn name(filter: Filter) -> &'static str {
    match filter {
        Filter::Bicubic => "bicubic, antialiased",
        Filter::Bilinear => "bilinear, antialiased",
        Filter::BicubicPoint => "bicubic",
        Filter::BilinearPoint => "bilinear",
        Filter::Geometric => "linear at geometric distances",
    }
}

fn bias_table(
    extra: usize,
    from: Option<&[usize]>,
    window: Option<&[usize]>,
    filter: Filter,
    draft: &mut Draft<'_>,
) -> Result<(), String> {
    let offsets = |window: &[usize]| -> Vec<usize> {
        window
            .iter()
            .map(|size| (2 * size).saturating_sub(1))
            .collect()
    };
    let (from, to) = (from.map(offsets), window.map(offsets));
    let resize = |before, from: Vec<usize>, to: Vec<usize>, after| Resize {
        before,
        from,
        to,
        after,
        filter,
        inverse: false,
    };
    // Heads first: an axis per direction. Else one axis of offsets, the heads last.
    if draft.axes.len() == 3 && extra == 0 {
        for axis in [1, 2] {
            if draft.differs(axis) {
                let (old, new) = draft.sizes(axis);
                draft.resize(axis, resize(0, vec![old], vec![new], 0))?;
                draft
                    .notes
                    .push(format!("{old} to {new} offsets {}", name(filter)));
            }
        }
        return Ok(());
    }
    if draft.axes.is_empty() || !draft.differs(0) {
        return Ok(());
    }
    let (old, new) = draft.sizes(0);
    let unknown = || {
        format!("{old} or {new} rows with {extra} extra are no square table; state from and window")
    };
    let from = grid_of(from.as_deref(), old.checked_sub(extra)).ok_or_else(unknown)?;
    let to = grid_of(to.as_deref(), new.checked_sub(extra)).ok_or_else(unknown)?;
    let note = format!(
        "offsets {} to {} {}, rows after them as they are: {extra}",
        sides(&from),
        sides(&to),
        name(filter)
    );
    draft.resize(0, resize(0, from, to, extra))?;
    draft.notes.push(note);
    Ok(())
}

/// The first kernel axis of a tensor.
fn first_extent(tensor: &Tensor) -> Result<usize, String> {
    let layout = tensor.layout.as_ref();
    let place = layout.and_then(|layout| layout.axis(Axis::Kernel));
    place.ok_or_else(|| "deflate needs a kernel of known layout".to_owned())
}

impl Inflate {
    fn settle(self, draft: &mut Draft<'_>) -> Result<(), String> {
        if draft.source.shape.len() == draft.target.shape.len() {
            return Ok(());
        }
        let axis = draft.axis(Axis::Kernel).ok_or("inflate needs a kernel")?;
        let depth = draft.target.shape[axis];
        let scale = |to: usize| match self {
            Inflate::Mean => 1.0 / depth as f64,
            Inflate::Center => f64::from(u8::from(to == depth / 2)),
        };
        let runs = (0..depth).map(|to| Run {
            scale: scale(to),
            ..Run::new(0, to, 1)
        });
        draft.axes[axis] = Some(Along::Runs(runs.collect()));
        draft.notes.push(match self {
            Inflate::Mean => format!("inflated to {depth} slices of 1/{depth}: the response to constant clips stays, except at padded ends"),
            Inflate::Center => format!("inflated to {depth} slices, all in the middle one: the response to each frame stays"),
        });
        Ok(())
    }
}

fn deflate(draft: &mut Draft<'_>) -> Result<(), String> {
    if draft.source.shape.len() == draft.target.shape.len() {
        return Ok(());
    }
    let place = first_extent(draft.source)?;
    let depth = draft.source.shape[place];
    let merged = place.saturating_sub(1);
    let axis = (0..draft.axes.len()).find(|&axis| draft.load.source_axis(axis) == merged);
    let axis = axis.ok_or("deflate needs the kernel's axes in place")?;
    let size = draft.target.shape[axis];
    if draft.found[axis] != size * depth {
        return Err(format!(
            "axis {axis} differs by more than the extent that is summed"
        ));
    }
    let runs = if place == 0 {
        (0..depth).map(|d| Run::new(d * size, 0, size)).collect()
    } else {
        let pairs = (0..size).flat_map(|to| (0..depth).map(move |d| (to * depth + d, to)));
        pairs.map(|(from, to)| Run::new(from, to, 1)).collect()
    };
    draft.axes[axis] = Some(Along::Runs(runs));
    draft.notes.push(format!(
        "the sum over {depth} slices: the response to constant clips stays"
    ));
    Ok(())
}

impl Rows {
    fn settle(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        let axis = draft
            .axis(Axis::Vocabulary)
            .or(draft.axis(Axis::Out))
            .unwrap_or(0);
        if draft.axes.is_empty() {
            return Err("it has no rows".to_owned());
        }
        if self.map.is_none() && (self.from.is_some() || self.to.is_some()) {
            return Err("its labels were not read; give the map itself".to_owned());
        }
        let (old, new) = draft.sizes(axis);
        let sources: Vec<Vec<usize>> = match &self.map {
            None => (0..new)
                .map(|row| row + self.offset)
                .map(|row| if row < old { vec![row] } else { Vec::new() })
                .collect(),
            Some(map) => map.iter().map(RowSource::rows).collect(),
        };
        if sources.len() != new {
            return Err(format!(
                "the map has {} rows, the tensor {new}",
                sources.len()
            ));
        }
        if let Some(beyond) = sources.iter().flatten().find(|row| **row >= old) {
            return Err(format!("the map takes row {beyond} of {old}"));
        }
        let missing = sources.iter().filter(|rows| rows.is_empty()).count();
        let mut runs: Vec<Run> = Vec::new();
        for (to, rows) in sources.iter().enumerate() {
            for &from in rows {
                let scale = 1.0 / rows.len() as f64;
                match runs.last_mut() {
                    Some(run)
                        if run.from + run.len == from
                            && run.to + run.len == to
                            && run.scale == scale =>
                    {
                        run.len += 1
                    }
                    _ => runs.push(Run {
                        scale,
                        ..Run::new(from, to, 1)
                    }),
                }
            }
            if rows.is_empty() && self.new == NewRows::Zero && old > 0 {
                runs.push(Run {
                    scale: 0.0,
                    ..Run::new(0, to, 1)
                });
            }
        }
        let spread = match self.new {
            NewRows::Mean => Some(0.0),
            NewRows::Covariance => Some(1.0),
            NewRows::ScaledCovariance(factor) => Some(factor),
            NewRows::Scheme | NewRows::Zero => None,
        };
        if missing > 0 && spread.is_some() {
            if axis != 0 || draft.load.source_axis(0) != 0 {
                return Err("rows like the others can be made along the first axis only".to_owned());
            }
            draft.load.alike = spread;
        }
        draft.axes[axis] = Some(Along::Runs(runs));
        let rows = format!("{} of {new} rows by map", new - missing);
        draft.notes.push(match (missing, self.new) {
            (0, _) => rows,
            (_, NewRows::Scheme) => rows,
            (_, NewRows::Zero) => format!("{rows}, {missing} zero"),
            (_, NewRows::Mean) => format!("{rows}, {missing} the mean of all {old}: equal to each other"),
            (_, NewRows::Covariance) => format!("{rows}, {missing} normal with the mean and covariance of all {old}"),
            (_, NewRows::ScaledCovariance(factor)) => {
                format!("{rows}, {missing} normal with the mean of all {old} and {factor} of their covariance")
            }
        });
        Ok(())
    }
}

impl RowSource {
    fn rows(&self) -> Vec<usize> {
        match self {
            RowSource::One(row) => usize::try_from(*row).into_iter().collect(),
            RowSource::Several(rows) => rows.clone(),
        }
    }
}

impl Rotary {
    fn settle(self, heads: usize, draft: &mut Draft<'_>) -> Result<(), String> {
        let axis = draft.axis(Axis::Out).unwrap_or(0);
        let (old, new) = match draft.axes.is_empty() {
            true => return Err("it has no rows".to_owned()),
            false => draft.sizes(axis),
        };
        let fits = heads > 0 && old == new && new.is_multiple_of(2 * heads);
        if !fits || draft.axes[axis].is_some() {
            return Err(format!(
                "{old} and {new} rows are not the same {heads} heads of even width"
            ));
        }
        let size = new / heads;
        let half = size / 2;
        let source = |j: usize| match self {
            Rotary::Halves => 2 * (j % half) + j / half,
            Rotary::Pairs => (j % 2) * half + j / 2,
        };
        let picks = (0..new).map(|row| (row / size * size + source(row % size), 1.0));
        draft.axes[axis] = Some(Along::picks(picks));
        let order = match self {
            Rotary::Halves => "pairs (i, i + d/2)",
            Rotary::Pairs => "pairs (2i, 2i + 1)",
        };
        draft
            .notes
            .push(format!("rows of {heads} heads into {order}"));
        Ok(())
    }
}
