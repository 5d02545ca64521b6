//! A part of a tensor for one target.

use super::give::{Giver, adapt_error, shape_error};
use super::section::{narrowed, out_axis};
use super::window::Window;
use crate::fill::{Fill, Section};
use crate::model::Tensor;
use crate::transfer::given::Given;
use crate::transfer::parts::Cut;
use crate::transfer::provenance::Provenance;
use crate::transfer::unmet::Unmet;

impl Giver<'_> {
    /// A part of a tensor: a run of its outputs, or a run within each head.
    pub(super) fn part(&self, target: &Tensor, cut: &Cut) -> Result<Given, Unmet> {
        let source = self.source.at(cut.source);
        let window = match cut.expert {
            Some(index) => Window::expert(source, index),
            None => Window::for_target(source, target),
        };
        let axis = out_axis(&window.seen);
        let Some(&(_, all)) = window.area.get(axis) else {
            return Err(shape_error(target, source));
        };
        let sizes = self.part_sizes(cut, all);
        let uneven = cut
            .interleaved
            .is_some_and(|heads| !sizes[cut.part].is_multiple_of(heads));
        if sizes.iter().sum::<usize>() != all || uneven {
            let problem = format!(
                "the parts' sizes {sizes:?} do not add up to the {all} of {}",
                source.name
            );
            return Err(adapt_error(target, problem));
        }
        match cut.interleaved {
            Some(heads) => self.part_of_heads(target, cut, window, &sizes, heads),
            None => self.part_in_one(target, cut, window, &sizes),
        }
    }

    /// The sizes of all parts: their own, where the model has them all; else equal ones.
    fn part_sizes(&self, cut: &Cut, all: usize) -> Vec<usize> {
        let own_size = |name: &String| {
            let tensor = self.target.get(name)?;
            tensor.shape.get(out_axis(tensor)).copied()
        };
        let sizes: Option<Vec<usize>> = cut.parts.iter().map(own_size).collect();
        sizes.unwrap_or_else(|| vec![all / cut.parts.len(); cut.parts.len()])
    }

    fn part_in_one(
        &self,
        target: &Tensor,
        cut: &Cut,
        mut window: Window,
        sizes: &[usize],
    ) -> Result<Given, Unmet> {
        let axis = out_axis(&window.seen);
        let before: usize = sizes[..cut.part].iter().sum();
        window.area[axis] = (window.area[axis].0 + before, sizes[cut.part]);
        let (load, provenance) = self.load(
            target,
            self.source.at(cut.source),
            &window,
            self.own_layer(target),
        )?;
        let note = format!("part {} of {}", cut.part + 1, sizes.len());
        Ok(provenance.after("split", &note).given(Fill::Load(load)))
    }

    fn part_of_heads(
        &self,
        target: &Tensor,
        cut: &Cut,
        mut window: Window,
        sizes: &[usize],
        heads: usize,
    ) -> Result<Given, Unmet> {
        let axis = out_axis(&window.seen);
        let (start, all) = window.area[axis];
        let (width, group) = (sizes[cut.part] / heads, all / heads);
        let before: usize = sizes[..cut.part].iter().map(|size| size / heads).sum();
        let target_axis = out_axis(target);
        let section_target = narrowed(target, target_axis, width);
        let mut provenance = Provenance::default();
        let sections: Result<Vec<Section>, Unmet> = (0..heads)
            .map(|head| {
                window.area[axis] = (start + head * group + before, width);
                let (load, of_head) = self.load(
                    &section_target,
                    self.source.at(cut.source),
                    &window,
                    self.own_layer(target),
                )?;
                provenance.by = of_head.by;
                let fill = Fill::Load(load);
                Ok(Section { size: width, fill })
            })
            .collect();
        let fill = Fill::in_a_row(target_axis, sections?);
        let note = format!(
            "part {} of {} in each of {heads} heads",
            cut.part + 1,
            sizes.len()
        );
        Ok(provenance.after("split", &note).given(fill))
    }

    /// The target's layer, for both sides: the source's has no weight of its own for a part.
    fn own_layer(&self, target: &Tensor) -> Option<(&Tensor, &Tensor)> {
        let layer = self.target.weight_beside(target);
        layer.map(|layer| (layer, layer))
    }
}
