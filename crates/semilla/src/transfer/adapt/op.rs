//! The operations, and what each does to a draft.

use serde::{Deserialize, Serialize};

use super::channels::Channels;
use super::draft::Draft;
use super::inflate::{self, Inflate};
use super::rotary::Rotary;
use super::rows::Rows;
use super::width::{Grow, Select};
use super::{bias_table, overlap, patch, positions, reshape};
use crate::fill::Filter;
use crate::model::Tensor;

/// An operation that makes a checkpoint's tensor fit one of the model.
///
/// An operation changes the axes that it is about; several may be given for one tensor. Axes that
/// fit already are left alone by all operations except `rotary` and `rows`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// The part that both shapes have, from the first index of each axis on; the recipe fills the
    /// rest.
    Overlap,
    /// The same elements in the same order in a different shape: a linear patch embedding as a
    /// convolution (or back), a table with or without its leading 1.
    Reshape,
    /// A different number of input channels.
    Channels(Channels),
    /// A kernel of a different size whose response to resized patches stays: the pseudo-inverse of
    /// resizing (FlexiViT; Beyer et al. 2023, section 3.4). `timm.layers.resample_patch_embed`.
    Patch {
        /// How patches would be resized.
        #[serde(default)]
        filter: Filter,
    },
    /// Absolute positions of a grid, resized; `timm.layers.resample_abs_pos_embed`.
    Positions {
        /// Tokens before the grid (class, distillation, registers). Found if exactly one number
        /// makes both grids squares.
        #[serde(default)]
        prefix: Option<usize>,
        /// The checkpoint's grid; a square if not given.
        #[serde(default)]
        from: Option<Vec<usize>>,
        /// The model's grid; a square if not given.
        #[serde(default)]
        grid: Option<Vec<usize>>,
        /// How positions between grid points are computed.
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
        /// How values between offsets are computed: `bicubic_point` as `timm`'s simple form,
        /// `geometric` as BEiT's.
        #[serde(default = "point")]
        filter: Filter,
    },
    /// A kernel with one more extent, such as time (Carreira & Zisserman 2017).
    Inflate(Inflate),
    /// A kernel without its first extent: the sum over it.
    Deflate,
    /// Rows of a table or of a head, chosen by class or token.
    Rows(Rows),
    /// Rows of query and key projections, converted between the two orders of rotary embeddings.
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

fn point() -> Filter {
    Filter::BicubicPoint
}

impl Op {
    /// The name by which recipes ask for it.
    pub(in crate::transfer) fn name(&self) -> &'static str {
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

    /// The source with as many axes as the target; `None` where it is seen as it is.
    pub(in crate::transfer) fn seen(
        &self,
        target: &Tensor,
        source: &Tensor,
    ) -> Result<Option<Tensor>, String> {
        match self {
            Op::Reshape => reshape::seen(target, source),
            Op::Inflate(_) => inflate::seen_inflated(target, source),
            Op::Deflate => inflate::seen_deflated(target, source),
            _ => Ok(None),
        }
    }

    /// Carries the operation out, and lists it in the draft if it changed something.
    pub(in crate::transfer) fn apply(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        let before = draft.progress();
        self.settle(draft)?;
        if draft.progress() != before {
            draft.changed_by(self.name());
        }
        Ok(())
    }

    /// Settles the axes that the operation is about.
    fn settle(&self, draft: &mut Draft<'_>) -> Result<(), String> {
        match self {
            Op::Overlap => overlap::settle(draft),
            Op::Reshape => reshape::settle(draft),
            Op::Channels(channels) => channels.settle(draft)?,
            Op::Patch { filter } => patch::settle(*filter, draft)?,
            Op::Positions {
                prefix,
                from,
                grid,
                filter,
            } => positions::settle(*prefix, from.as_deref(), grid.as_deref(), *filter, draft)?,
            Op::BiasTable {
                extra,
                from,
                window,
                filter,
            } => bias_table::settle(*extra, from.as_deref(), window.as_deref(), *filter, draft)?,
            Op::Inflate(inflate) => inflate.settle(draft)?,
            Op::Deflate => inflate::deflate(draft)?,
            Op::Rows(rows) => rows.settle(draft)?,
            Op::Rotary { heads, to } => to.settle(*heads, draft)?,
            Op::Select(select) => select.settle(draft)?,
            Op::Grow(grow) => grow.settle(draft)?,
        }
        Ok(())
    }
}
