//! Fills made of fills: of members, sections, repeated or padded tensors.

use super::error::FillError;
use super::kind::Kind;
use super::kinds::{Fill, Section};
use super::prepared::{Placed, Prepared, Sections, Source};
use super::slice::Slice;
use super::target::{Target, with_axis};
use crate::stream::Stream;

pub(super) struct Stacked<'a> {
    pub(super) of: &'a Fill,
}

impl Kind for Stacked<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.needs_axes(2)?;
        let member = target.with(&target.shape[1..]);
        self.of.check_generated(member, "a stack")
    }

    fn source(
        &self,
        stream: Stream,
        target: Target<'_>,
        part: &Slice,
    ) -> Result<Source, FillError> {
        let member = target.with(&target.shape[1..]);
        let prepare = |index: usize| {
            let part = part.within(0, index, 1).without_first();
            let stream = stream.child(index as u64);
            self.of.prepare_for(stream, member, &part)
        };
        let each: Result<Vec<Prepared>, _> = (0..target.shape[0]).map(prepare).collect();
        Ok(Source::Stacked {
            each: each?,
            len: member.elements()?,
        })
    }

    fn description(&self) -> String {
        format!("each: {}", self.of)
    }

    fn is_matrix(&self) -> bool {
        self.of.is_matrix()
    }

    fn std(&self) -> Option<f64> {
        self.of.std()
    }

    fn parts(&self, target: Target<'_>, most: usize) -> Vec<Slice> {
        let member = target.with(&target.shape[1..]);
        let each = self.of.parts_of(most, member);
        if each.len() == 1 {
            return Slice::whole(target.shape).cut(0, target.matrix_bytes().div_ceil(most));
        }
        let lifted = |index| each.iter().map(move |part| part.clone().stacked_at(index));
        (0..target.shape[0]).flat_map(lifted).collect()
    }
}

/// Aitken et al., *Checkerboard artifact free sub-pixel convolution*, 2017.
pub(super) struct Repeated<'a> {
    pub(super) axis: usize,
    pub(super) repeats: usize,
    pub(super) of: &'a Fill,
}

impl Repeated<'_> {
    fn smaller(&self, shape: &[usize]) -> Vec<usize> {
        with_axis(shape, self.axis, shape[self.axis] / self.repeats)
    }
}

impl Kind for Repeated<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let (axis, repeats) = (self.axis, self.repeats);
        let size = target.shape.get(axis);
        let divides = repeats > 0 && size.is_some_and(|size| size.is_multiple_of(repeats));
        let problem = format!("axis {axis} does not divide into runs of {repeats}");
        target.needs(divides, problem)?;
        let smaller = self.smaller(target.shape);
        self.of
            .check_generated(target.with(&smaller), "a repeated fill")
    }

    fn source(&self, stream: Stream, target: Target<'_>, _: &Slice) -> Result<Source, FillError> {
        let smaller = self.smaller(target.shape);
        let whole = Slice::whole(&smaller);
        let of = self.of.prepare_for(stream, target.with(&smaller), &whole)?;
        Ok(Source::Repeated {
            axis_len: target.shape[self.axis] as u64,
            inner: target.inner(self.axis)?,
            repeats: self.repeats as u64,
            of: Box::new(of),
        })
    }

    fn description(&self) -> String {
        format!("{}, each {} times", self.of, self.repeats)
    }

    fn is_matrix(&self) -> bool {
        self.of.is_matrix()
    }

    fn std(&self) -> Option<f64> {
        self.of.std()
    }
}

pub(super) struct Blocks<'a> {
    pub(super) axis: usize,
    pub(super) sections: &'a [Section],
    pub(super) turns: usize,
}

impl Blocks<'_> {
    /// The elements of a section that lie in the turns that a slice touches: `share` indices of
    /// each.
    fn turns_of(&self, target: Target<'_>, part: &Slice, share: usize) -> Slice {
        let turn = (target.shape[self.axis] / self.turns).max(1);
        let (start, size) = part.extent(self.axis);
        let turns = start / turn..(start + size).div_ceil(turn);
        let whole = part.clone();
        whole.narrowed(self.axis, turns.start * share, turns.len() * share)
    }
}

impl Kind for Blocks<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        let (axis, count) = (self.axis, self.sections.len());
        let mut sizes = self.sections.iter().map(|section| section.size);
        let total = sizes.try_fold(0usize, |sum, size| sum.checked_add(size));
        let size = target.shape.get(axis).copied();
        let adds_up = size.is_some() && total == size;
        let problem = format!("its {count} sections do not add up to axis {axis}");
        target.needs(adds_up, problem)?;
        let turns = self.turns;
        let divides = |section: &Section| turns > 0 && section.size.is_multiple_of(turns);
        let problem = format!("its sections do not divide into {turns} turns");
        target.needs(self.sections.iter().all(divides), problem)?;
        self.sections.iter().try_for_each(|section| {
            let shape = with_axis(target.shape, axis, section.size);
            let target = target.with(&shape);
            match turns {
                1 => section.fill.check_for(target),
                _ => section.fill.check_generated(target, "sections in turns"),
            }
        })
    }

    fn source(
        &self,
        stream: Stream,
        target: Target<'_>,
        part: &Slice,
    ) -> Result<Source, FillError> {
        let mut placed = Vec::with_capacity(self.sections.len());
        let mut start = 0;
        for (index, section) in self.sections.iter().enumerate() {
            let part = match self.turns {
                1 => part.within(self.axis, start, section.size),
                turns => self.turns_of(target, part, section.size / turns),
            };
            let shape = with_axis(target.shape, self.axis, section.size);
            // Opposite gates take the logarithm of one uniform value.
            let own = match section.fill {
                Fill::LogUniform { .. } => stream,
                _ => stream.child(index as u64),
            };
            let of = section.fill.prepare_for(own, target.with(&shape), &part)?;
            let size = section.size / self.turns;
            placed.push(Placed {
                start: start as u64,
                size: size as u64,
                of,
            });
            start += size;
        }
        Ok(Source::Blocks(Sections {
            axis_len: target.shape[self.axis] as u64,
            turn: (target.shape[self.axis] / self.turns) as u64,
            inner: target.inner(self.axis)?,
            placed,
        }))
    }

    fn description(&self) -> String {
        let each = self.sections.iter().map(|section| section.fill.to_string());
        let mut parts: Vec<String> = each.collect();
        parts.dedup();
        let turns = match self.turns {
            1 => String::new(),
            turns => format!(" in {turns} turns"),
        };
        format!(
            "{} blocks{turns}: {}",
            self.sections.len(),
            parts.join(" | ")
        )
    }

    fn holds_integers(&self) -> bool {
        true
    }

    fn is_matrix(&self) -> bool {
        self.sections.iter().any(|s| s.fill.is_matrix())
    }

    fn parts(&self, target: Target<'_>, most: usize) -> Vec<Slice> {
        if self.turns > 1 {
            return vec![Slice::whole(target.shape)];
        }
        let mut start = 0;
        let mut parts = Vec::new();
        for section in self.sections {
            let shape = with_axis(target.shape, self.axis, section.size);
            let of = section.fill.parts_of(most, target.with(&shape));
            let moved = of.into_iter().map(|part| part.moved(self.axis, start));
            parts.extend(moved.filter(|part| !part.is_empty()));
            start += section.size;
        }
        parts
    }
}

pub(super) struct Padded<'a> {
    pub(super) row: usize,
    pub(super) of: &'a Fill,
}

impl Kind for Padded<'_> {
    fn check(&self, target: Target<'_>) -> Result<(), FillError> {
        target.needs_axes(1)?;
        let row = self.row;
        target.needs(row < target.shape[0], format!("there is no row {row}"))?;
        self.of.check_generated(target, "a padded fill")
    }

    fn source(
        &self,
        stream: Stream,
        target: Target<'_>,
        part: &Slice,
    ) -> Result<Source, FillError> {
        let width = target.inner(0)?;
        let start = self.row as u64 * width;
        Ok(Source::Padded {
            padding: start..start + width,
            of: Box::new(self.of.prepare_for(stream, target, part)?),
        })
    }

    fn description(&self) -> String {
        format!("{}, row {} zero", self.of, self.row)
    }

    fn is_matrix(&self) -> bool {
        self.of.is_matrix()
    }

    fn std(&self) -> Option<f64> {
        self.of.std()
    }

    fn parts(&self, target: Target<'_>, most: usize) -> Vec<Slice> {
        self.of.parts_of(most, target)
    }
}
