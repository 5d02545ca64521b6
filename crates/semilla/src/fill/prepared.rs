//! A fill made ready for one tensor, and where its elements come from.

use std::ops::Range;

use super::error::FillError;
use super::held::{Area, Matrix};
use super::slice::Slice;
use super::target::Target;
use crate::dtype::DType;
use crate::stream::{Law, Sampler, Stream};

/// A fill made ready for one tensor: writes any of its elements, in any order, on any thread.
pub struct Prepared {
    pub(super) shape: Vec<usize>,
    pub(super) dtype: DType,
    pub(super) elements: u64,
    /// The elements that `source` has; `None` for all.
    pub(super) part: Option<Slice>,
    pub(super) source: Source,
}

/// Where elements come from.
pub(super) enum Source {
    Constant(f64),
    Draw(Stream, Sampler),
    /// Each element by itself, from its index.
    Each(Box<dyn Fn(u64) -> f64 + Send + Sync>),
    /// A matrix, or the part of it that was asked for, in the precision that it is made in.
    Matrix(Area, Matrix),
    Stacked {
        each: Vec<Prepared>,
        /// Elements of each.
        len: u64,
    },
    Blocks(Sections),
    Repeated {
        axis_len: u64,
        inner: u64,
        repeats: u64,
        of: Box<Prepared>,
    },
    Padded {
        padding: Range<u64>,
        of: Box<Prepared>,
    },
}

impl Source {
    pub(super) fn each(value: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
        Self::Each(Box::new(value))
    }
}

/// Sections along an axis of `axis_len` indices, each of `inner` elements. They take turns of
/// `turn` indices: one turn where they lie one after the other.
pub(super) struct Sections {
    pub(super) axis_len: u64,
    pub(super) turn: u64,
    pub(super) inner: u64,
    pub(super) placed: Vec<Placed>,
}

/// A section that has `size` indices from index `start` of each turn on.
pub(super) struct Placed {
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) of: Prepared,
}

impl Sections {
    /// The section of an element, the element's index in it, and how many follow in one run.
    pub(super) fn locate(&self, at: u64) -> (&Prepared, u64, u64) {
        let (outer, place) = (
            at / (self.axis_len * self.inner),
            at / self.inner % self.axis_len,
        );
        let (turn, place) = (place / self.turn, place % self.turn);
        // The sections add up to the turn, so that one of them ends beyond any place.
        let index = self.placed.partition_point(|s| s.start + s.size <= place);
        let section = &self.placed[index];
        let within = (place - section.start) * self.inner + at % self.inner;
        let len = section.size * self.inner;
        let before = outer * (self.axis_len / self.turn) + turn;
        (&section.of, before * len + within, len - within)
    }
}

impl Prepared {
    pub(super) fn new(target: Target<'_>, part: Slice, source: Source) -> Result<Self, FillError> {
        let is_whole = part.size() == target.shape;
        Ok(Self {
            shape: target.shape.to_vec(),
            dtype: target.dtype,
            elements: target.elements()?,
            part: (!is_whole).then_some(part),
            source,
        })
    }

    /// The tensor's shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The tensor's element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of elements.
    pub fn len(&self) -> u64 {
        self.elements
    }

    /// The stream and the law that all elements are drawn from, each from its own index; `None` if
    /// they are made in any other way. What a GPU needs to make the same bits.
    pub fn drawn(&self) -> Option<(Stream, Law<f64>)> {
        match &self.source {
            Source::Draw(stream, sampler) => Some((*stream, sampler.law())),
            _ => None,
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.elements == 0
    }
}
