//! Several tensors for one target.

use super::give::{Giver, adapt_error, shape_error};
use super::section::{narrowed, out_axis};
use super::window::Window;
use crate::fill::{Fill, Section};
use crate::layout::Axis;
use crate::model::Tensor;
use crate::transfer::given::Given;
use crate::transfer::provenance::Provenance;
use crate::transfer::unmet::Unmet;

impl Giver<'_> {
    /// Tensors joined along the output axis.
    pub(super) fn fused(
        &self,
        target: &Tensor,
        parts: &[usize],
        interleaved: Option<usize>,
    ) -> Result<Given, Unmet> {
        let axis = out_axis(target);
        let window = |source: &Tensor| Window::for_target(source, target);
        let (fill, provenance) = self.joined(target, axis, parts, interleaved, window)?;
        let note = format!("{} tensors in one along axis {axis}", parts.len());
        Ok(provenance.after("fuse", &note).given(fill))
    }

    /// Experts stacked along a leading axis, each of tensors joined along its output axis.
    pub(super) fn experts(
        &self,
        target: &Tensor,
        experts: &[Vec<usize>],
        interleaved: Option<usize>,
    ) -> Result<Given, Unmet> {
        if target.shape.first() != Some(&experts.len()) {
            let problem = format!(
                "the checkpoint has all parts of {} experts, but the model has {} experts",
                experts.len(),
                target.shape.first().copied().unwrap_or(0)
            );
            return Err(adapt_error(target, problem));
        }
        let one = narrowed(target, 0, 1);
        let layout = target.layout.as_ref();
        let axis = layout
            .and_then(|layout| layout.axis(Axis::Out))
            .unwrap_or(1);
        let mut provenance = Provenance::default();
        let sections: Result<Vec<Section>, Unmet> = experts
            .iter()
            .map(|parts| {
                let (fill, of_expert) =
                    self.joined(&one, axis, parts, interleaved, Window::stacked)?;
                provenance = of_expert;
                Ok(Section { size: 1, fill })
            })
            .collect();
        let fill = Fill::in_a_row(0, sections?);
        let note = format!(
            "{} experts of {} tensors in one",
            experts.len(),
            experts[0].len()
        );
        Ok(provenance.after("fuse", &note).given(fill))
    }

    /// Tensors one after the other along an axis, or in turns for each of the heads.
    fn joined(
        &self,
        target: &Tensor,
        axis: usize,
        parts: &[usize],
        interleaved: Option<usize>,
        window: impl Fn(&Tensor) -> Window,
    ) -> Result<(Fill, Provenance), Unmet> {
        let mut sections = Vec::new();
        let mut provenance = Provenance::default();
        let turns = interleaved.unwrap_or(1);
        for turn in 0..turns {
            for &part in parts {
                let source = self.source.at(part);
                let mut window = window(source);
                let cut = out_axis(&window.seen);
                let size = window.area.get(cut).map(|&(_, size)| size);
                let Some(size) = size.filter(|size| size.is_multiple_of(turns)) else {
                    return Err(shape_error(target, source));
                };
                let width = size / turns;
                window.area[cut] = (turn * width, width);
                let mut section = narrowed(target, axis, width);
                section.role = source.role;
                let layer = self.source.weight_beside(source);
                let layer = layer.map(|layer| (layer, layer));
                let (load, of_part) = self.load(&section, source, &window, layer)?;
                provenance.by = of_part.by;
                let fill = Fill::Load(load);
                sections.push(Section { size: width, fill });
            }
        }
        let total: usize = sections.iter().map(|section| section.size).sum();
        if target.shape.get(axis) != Some(&total) {
            let problem = format!(
                "its parts add up to {total} along axis {axis}, not {}",
                target.shape.get(axis).copied().unwrap_or(0)
            );
            return Err(adapt_error(target, problem));
        }
        Ok((Fill::in_a_row(axis, sections), provenance))
    }
}
