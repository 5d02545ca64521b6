//! Values stored in files: the model's own, or a checkpoint's.

use super::error::FillError;
use super::kind::Kind;
use super::kinds::{Fill, Load, Section};
use super::prepared::Source;
use super::slice::Slice;
use super::target::{Target, with_axis};
use crate::stream::Stream;

pub(super) struct Keep;

impl Kind for Keep {
    fn check(&self, _: Target<'_>) -> Result<(), FillError> {
        Ok(())
    }

    fn source(&self, _: Stream, _: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        Err(FillError::NothingToKeep)
    }

    fn description(&self) -> String {
        "as in the file".to_owned()
    }

    fn holds_integers(&self) -> bool {
        true
    }
}

pub(super) struct Loaded<'a>(pub(super) &'a Load);

impl Kind for Loaded<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        if let Some(problem) = self.0.problem(target.shape) {
            return Err(target.misfit(problem));
        }
        match &self.0.rest {
            Some(rest) => rest.check_generated(target, "the rest of a load"),
            None => Ok(()),
        }
    }

    fn source(&self, _: Stream, _: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        Err(FillError::NotDrawn)
    }

    fn description(&self) -> String {
        "from a checkpoint".to_owned()
    }

    fn holds_integers(&self) -> bool {
        true
    }

    fn parts(&self, target: Target<'_>, most: usize) -> Vec<Slice> {
        Slice::whole(target.shape).cut(0, target.matrix_bytes().div_ceil(most))
    }
}

impl Fill {
    /// The part that comes from checkpoints: boxes of the tensor, each with the load that fills it,
    /// in its own coordinates.
    pub fn loads(&self, shape: &[usize]) -> Vec<(Slice, &Load)> {
        match self {
            Fill::Load(load) => vec![(Slice::whole(shape), load)],
            Fill::Blocks { axis, sections, .. } => {
                let mut start = 0;
                let mut loads = Vec::new();
                for section in sections {
                    let of = section.fill.loads(&with_axis(shape, *axis, section.size));
                    let moved = |(area, load): (Slice, _)| (area.moved(*axis, start), load);
                    loads.extend(of.into_iter().map(moved));
                    start += section.size;
                }
                loads
            }
            _ => Vec::new(),
        }
    }

    /// The part that is generated, before [loads](Self::loads) are laid over it; `None` where
    /// nothing is.
    pub fn drawn(&self) -> Option<Fill> {
        match self {
            Fill::Load(load) => load.rest.as_deref().cloned(),
            Fill::Blocks {
                axis,
                sections,
                turns,
            } => {
                let drawn: Vec<Option<Fill>> = sections.iter().map(|s| s.fill.drawn()).collect();
                if drawn.iter().all(Option::is_none) {
                    return None;
                }
                // A section that is loaded whole: anything will do below it.
                let below = Fill::Constant { value: 0.0 };
                let sections = sections.iter().zip(drawn).map(|(section, fill)| Section {
                    size: section.size,
                    fill: fill.unwrap_or_else(|| below.clone()),
                });
                Some(Fill::Blocks {
                    axis: *axis,
                    sections: sections.collect(),
                    turns: *turns,
                })
            }
            fill => Some(fill.clone()),
        }
    }

    /// Whether elements of a checkpoint are moved or combined, not copied in place.
    pub fn moves_loads(&self) -> bool {
        match self {
            Fill::Load(load) => !load.is_plain(),
            Fill::Blocks { sections, .. } => sections
                .iter()
                .any(|s| matches!(s.fill, Fill::Load(_)) || s.fill.moves_loads()),
            _ => false,
        }
    }

    fn has_loads(&self) -> bool {
        match self {
            Fill::Load(_) => true,
            Fill::Blocks { sections, .. } => sections.iter().any(|s| s.fill.has_loads()),
            _ => false,
        }
    }

    /// As [`Fill::check`], for a place where nothing can be loaded.
    pub(super) fn check_generated(
        &self,
        target: Target<'_>,
        inside: &'static str,
    ) -> Result<(), FillError> {
        match self.has_loads() {
            true => Err(FillError::NestedLoad { inside }),
            false => self.check_for(target),
        }
    }
}
