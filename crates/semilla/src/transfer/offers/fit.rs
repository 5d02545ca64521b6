//! Makes a box of a checkpoint's tensor fit a target.

use super::give::{Giver, adapt_error, shape_error};
use super::order::Order;
use super::window::Window;
use crate::fill::Load;
use crate::model::{Role, Tensor};
use crate::transfer::adapt::Draft;
use crate::transfer::provenance::Provenance;
use crate::transfer::unmet::Unmet;

impl Giver<'_> {
    /// Loads a box of a tensor for a target, by the operations that are given for it.
    pub(super) fn load(
        &self,
        target: &Tensor,
        source: &Tensor,
        window: &Window,
        layer: Option<(&Tensor, &Tensor)>,
    ) -> Result<(Load, Provenance), Unmet> {
        self.check_kind(target, source)?;
        let mut draft = self.draft(target, source, window, layer)?;
        let found = draft.found.clone();
        for op in self.rules.ops(&target.name) {
            op.apply(&mut draft)
                .map_err(|problem| adapt_error(target, problem))?;
        }
        let (mut load, provenance) = draft.finish().ok_or_else(|| Unmet::Shape {
            target: target.name.clone(),
            shape: target.shape.clone(),
            source: source.name.clone(),
            found,
        })?;
        if !load.rows_can_be_alike() {
            let problem = "new=mean and new=covariance need all other rows unchanged; drop the \
                           other operations on this table";
            return Err(adapt_error(target, problem));
        }
        let shifted = window.shift(&mut load, &target.shape);
        shifted.map_err(|problem| adapt_error(target, problem))?;
        Ok((load, provenance))
    }

    /// Checks that the numbers of both tensors mean the same.
    fn check_kind(&self, target: &Tensor, source: &Tensor) -> Result<(), Unmet> {
        if target.dtype.is_float() != source.dtype.is_float() {
            return Err(Unmet::Kind {
                target: target.name.clone(),
                dtype: target.dtype,
                found: source.dtype,
            });
        }
        let is_recurrent = matches!(
            target.role,
            Role::RecurrentInput | Role::RecurrentHidden | Role::RecurrentBias
        );
        if is_recurrent && target.blocks.len() == 3 && !self.one_convention {
            let problem = "the checkpoint orders GRU gates differently (Keras: update, reset; \
                           PyTorch: reset, update) and no operation reorders them yet; convert the \
                           layer in its own framework first";
            return Err(adapt_error(target, problem));
        }
        Ok(())
    }

    /// The load before any axis is settled: the view of the source, and the order of its axes.
    fn draft<'d>(
        &self,
        target: &'d Tensor,
        source: &'d Tensor,
        window: &Window,
        layer: Option<(&'d Tensor, &'d Tensor)>,
    ) -> Result<Draft<'d>, Unmet> {
        let mut seen = Tensor {
            shape: window.shape(),
            ..window.seen.clone()
        };
        let mut load = Load::whole(0, &source.name);
        if window.seen.shape != source.shape {
            load.view = window.seen.shape.clone();
        }
        let is_whole = seen.shape == source.shape;
        let mut by = Vec::new();
        for op in self.rules.ops(&target.name).filter(|_| is_whole) {
            let other = op.seen(target, &seen);
            if let Some(other) = other.map_err(|problem| adapt_error(target, problem))? {
                load.view = other.shape.clone();
                seen = other;
                by.push(op.name().to_owned());
            }
        }
        if seen.shape.len() != target.shape.len() {
            return Err(shape_error(target, source));
        }
        match Order::of(target, &seen) {
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
        let found = (0..rank).map(|axis| seen.shape[load.source_axis(axis)]);
        Ok(Draft {
            target,
            source,
            layer,
            is_batch_norm: self.target.has_statistics_beside(&target.name),
            found: found.collect(),
            load,
            axes: vec![None; rank],
            by,
            notes: Vec::new(),
        })
    }
}
