//! A fill's answers: those of its kind.

use std::fmt;

use super::error::FillError;
use super::kernels::{Bilinear, DeltaOrthogonal, Dirac, Hadamard};
use super::kind::Kind;
use super::kinds::Fill;
use super::matrices::{Eye, Orthogonal, Sparse};
use super::mimetic::Mimetic;
use super::mirrored::{Centred, LooksLinear, Mirrored};
use super::nested::{Blocks, Padded, Repeated, Stacked};
use super::norms::Norms;
use super::plain::{Arange, Constant, Draw};
use super::positions::{RotaryFrequencies, Sinusoidal};
use super::prepared::{Prepared, Source};
use super::recurrent::{LogUniform, MambaDtBias, S4d};
use super::slice::Slice;
use super::stored::{Keep, Loaded};
use super::target::Target;
use super::values::Values;
use crate::dtype::DType;
use crate::stream::{Key, Stream};

/// Matrices of more bytes than this are made in parts.
const PART_BYTES: usize = 64 << 20;

impl Fill {
    fn kind(&self) -> Box<dyn Kind + '_> {
        match *self {
            Fill::Constant { value } => Box::new(Constant { value }),
            Fill::Eye { gain } => Box::new(Eye { gain }),
            Fill::Dirac { groups, ref layout } => Box::new(Dirac { groups, layout }),
            Fill::Sparse { std, zeros } => Box::new(Sparse { std, zeros }),
            Fill::Orthogonal { gain, rows } => Box::new(Orthogonal { gain, rows }),
            Fill::Stacked { ref of } => Box::new(Stacked { of }),
            Fill::DeltaOrthogonal { gain, ref layout } => {
                Box::new(DeltaOrthogonal { gain, layout })
            }
            Fill::Hadamard { ref layout } => Box::new(Hadamard { layout }),
            Fill::LooksLinear { gain } => Box::new(LooksLinear { gain }),
            Fill::Mirrored { ref axes, ref of } => Box::new(Mirrored { axes, of }),
            Fill::Centred { axis, ref of } => Box::new(Centred { axis, of }),
            Fill::Repeated {
                axis,
                repeats,
                ref of,
            } => Box::new(Repeated { axis, repeats, of }),
            Fill::Bilinear { ref layout } => Box::new(Bilinear { layout }),
            Fill::Blocks {
                axis,
                ref sections,
                turns,
            } => Box::new(Blocks {
                axis,
                sections,
                turns,
            }),
            Fill::Padded { row, ref of } => Box::new(Padded { row, of }),
            Fill::LogUniform { low, high, sign } => Box::new(LogUniform { low, high, sign }),
            Fill::Sinusoidal { base, halves } => Box::new(Sinusoidal { base, halves }),
            Fill::RotaryFrequencies { base } => Box::new(RotaryFrequencies { base }),
            Fill::S4d { part } => Box::new(S4d { part }),
            Fill::MambaDtBias {
                dt_min,
                dt_max,
                floor,
            } => Box::new(MambaDtBias {
                dt_min,
                dt_max,
                floor,
            }),
            Fill::Mimetic {
                part,
                heads,
                alpha,
                beta,
                noise,
                out_first,
            } => Box::new(Mimetic {
                part,
                heads,
                alpha,
                beta,
                noise,
                out_first,
            }),
            Fill::Norms {
                axis,
                ref of,
                ref shape,
                key,
            } => Box::new(Norms {
                axis,
                of,
                shape,
                key,
            }),
            Fill::Values { ref values } => Box::new(Values { values }),
            Fill::Arange => Box::new(Arange),
            Fill::Keep => Box::new(Keep),
            Fill::Load(ref load) => Box::new(Loaded(load)),
            Fill::Draw(ref distribution) => Box::new(Draw(distribution)),
        }
    }

    /// Whether this fill fits a tensor.
    ///
    /// # Errors
    /// Whatever would stop [`Fill::prepare`], except a missing file to keep or load values of.
    pub fn check(&self, shape: &[usize], dtype: DType) -> Result<(), FillError> {
        self.check_for(Target { shape, dtype })
    }

    pub(super) fn check_for(&self, target: Target<'_>) -> Result<(), FillError> {
        target.elements()?;
        let kind = self.kind();
        if !target.dtype.is_float() && !kind.holds_integers() {
            return Err(FillError::Integer(target.dtype));
        }
        kind.check(target)
    }

    /// Whether preparing makes a whole matrix, all threads together, and holds it.
    pub fn is_matrix(&self) -> bool {
        self.kind().is_matrix()
    }

    /// The standard deviation over the whole tensor, where the fill states one.
    pub fn std(&self) -> Option<f64> {
        self.kind().std()
    }

    /// Makes the fill ready for the tensor with this key, shape and element type.
    ///
    /// # Errors
    /// A fill that does not fit the tensor, or whose values lie in a file ([`Fill::Keep`],
    /// [`Fill::Load`]).
    pub fn prepare(&self, key: Key, shape: &[usize], dtype: DType) -> Result<Prepared, FillError> {
        self.prepare_part(key, shape, dtype, &Slice::whole(shape))
    }

    /// As [`Fill::prepare`], for the elements of one slice only: with [`Fill::parts`], a way to
    /// bound the memory that large matrices take. The elements are still addressed in the whole
    /// tensor.
    ///
    /// # Errors
    /// As [`Fill::prepare`], or a slice that does not lie inside the shape.
    pub fn prepare_part(
        &self,
        key: Key,
        shape: &[usize],
        dtype: DType,
        part: &Slice,
    ) -> Result<Prepared, FillError> {
        let target = Target { shape, dtype };
        self.check_for(target)?;
        let inside = part.check(shape);
        inside.map_err(|error| target.misfit(error.to_string()))?;
        self.prepare_for(Stream::from_key(key), target, part)
    }

    /// As [`Fill::prepare_part`], for what was checked, with the stream of the tensor or of the
    /// part of it that this fill is for.
    pub(super) fn prepare_for(
        &self,
        stream: Stream,
        target: Target<'_>,
        part: &Slice,
    ) -> Result<Prepared, FillError> {
        let source = match self {
            Fill::Keep => return Err(FillError::NothingToKeep),
            Fill::Load(_) => return Err(FillError::NotDrawn),
            _ if part.is_empty() => Source::Constant(0.0), // never asked for
            _ => self.kind().source(stream, target, part)?,
        };
        Prepared::new(target, part.clone(), source)
    }

    /// Slices that make up the tensor, in order; each may be prepared alone with
    /// [`Fill::prepare_part`] and then holds 64 MiB of the tensor at most. One slice, the whole, if
    /// the fill holds nothing or the tensor is small.
    ///
    /// Semi-orthogonal matrices are cut between rows if they are wide, between columns if they are
    /// tall; stacks and blocks between their members. Kinds that need a whole matrix for each
    /// element (mimetic, delta-orthogonal, mirrored) are not cut.
    pub fn parts(&self, shape: &[usize], dtype: DType) -> Vec<Slice> {
        self.parts_of(PART_BYTES, Target { shape, dtype })
    }

    /// Parts of at most so many bytes.
    pub(super) fn parts_of(&self, most: usize, target: Target<'_>) -> Vec<Slice> {
        // Combined elements are held in double precision, before and after.
        let is_combined = matches!(self, Fill::Load(load) if !load.is_exact());
        let most = if is_combined { most / 4 } else { most };
        let is_held = self.moves_loads() || self.is_matrix();
        if !is_held || target.matrix_bytes() <= most || target.shape.contains(&0) {
            return vec![Slice::whole(target.shape)];
        }
        self.kind().parts(target, most)
    }
}

/// The numbers that matter to a reader: `N(0, 0.02)`, `U(±0.05)`, `4 blocks: 0 | 1`. Nothing for
/// kinds that have none.
impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.kind().description())
    }
}
