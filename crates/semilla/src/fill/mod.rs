//! Concrete fills: what a plan records for a tensor, and what writes its elements.
//!
//! A [`Fill`] holds numbers only. [`Fill::prepare`] makes it ready for one tensor; from then on any
//! range of elements, or any n-dimensional [`Slice`], can be written in any order on any thread.

mod load;
mod parts;
mod prepared;
mod resize;
mod slice;

use serde::{Deserialize, Serialize};

pub use load::{Along, Load, Run, Terms};
pub use prepared::Prepared;
pub use resize::{Filter, Resize};
pub use slice::{Slice, SliceError};

use crate::distribution::{Distribution, DistributionError};
use crate::dtype::DType;
use crate::init::{Projection, StatePart};
use crate::layout::Layout;
use crate::stream::Key;

/// What to write into one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// One value.
    Constant {
        /// The value.
        value: f64,
    },
    /// `gain` where row equals column, 0 elsewhere.
    Eye {
        /// The diagonal's value.
        gain: f64,
    },
    /// 1 at the kernel's centre of matching channels, per group.
    Dirac {
        /// The groups that pass through each.
        groups: usize,
        /// The tensor's axes.
        layout: Layout,
    },
    /// Normal, with `zeros` elements of each column zero.
    Sparse {
        /// The standard deviation of the rest.
        std: f64,
        /// Zeros per column.
        zeros: usize,
    },
    /// A semi-orthogonal matrix of `rows` rows in row-major order, Haar-distributed, times `gain`.
    Orthogonal {
        /// The factor.
        gain: f64,
        /// The rows of the flattened tensor.
        rows: usize,
    },
    /// The same fill for every index of the first axis, each with its own values.
    Stacked {
        /// What fills each.
        of: Box<Fill>,
    },
    /// An orthogonal matrix at the kernel's centre, 0 around it.
    DeltaOrthogonal {
        /// The factor.
        gain: f64,
        /// The tensor's axes.
        layout: Layout,
    },
    /// Identity, partial identity or scaled Hadamard matrix by the layer's widths.
    Hadamard {
        /// The tensor's axes.
        layout: Layout,
    },
    /// [W, -W; -W, W] with W orthogonal.
    LooksLinear {
        /// The factor.
        gain: f64,
    },
    /// A fill of a tensor `repeats` times smaller along an axis, each index repeated.
    Repeated {
        /// The axis.
        axis: usize,
        /// How many equal neighbours.
        repeats: usize,
        /// What fills the smaller tensor.
        of: Box<Fill>,
    },
    /// The kernel of bilinear upsampling in matching channels.
    Bilinear {
        /// The tensor's axes.
        layout: Layout,
    },
    /// Sections along an axis, each with a fill and values of its own.
    Blocks {
        /// The axis.
        axis: usize,
        /// The sections, in order.
        sections: Vec<Section>,
    },
    /// A fill with one row (of the first axis) zero.
    Padded {
        /// The row.
        row: usize,
        /// What fills the rest.
        of: Box<Fill>,
    },
    /// `sign` times the logarithm of a uniform value. Sections of one tensor at the same place within them
    /// share the uniform value, so that a forget gate and its input gate are opposite.
    LogUniform {
        /// The least value whose logarithm is taken.
        low: f64,
        /// The bound above it.
        high: f64,
        /// 1 or -1.
        sign: f64,
    },
    /// Positions as sines and cosines.
    Sinusoidal {
        /// The base of the wavelengths.
        base: f64,
    },
    /// base^(-2i/d).
    RotaryFrequencies {
        /// The base of the wavelengths.
        base: f64,
    },
    /// A diagonal state matrix, the state along the last axis.
    S4d {
        /// What is stored.
        part: StatePart,
    },
    /// softplus⁻¹ of a log-uniform time step.
    MambaDtBias {
        /// The least time step.
        dt_min: f64,
        /// The greatest time step.
        dt_max: f64,
        /// Time steps are raised to this.
        floor: f64,
    },
    /// A factor of αZ ± βI, per head.
    Mimetic {
        /// Which factor.
        part: Projection,
        /// The number of heads.
        heads: usize,
        /// The noise's weight.
        alpha: f64,
        /// The identity's weight.
        beta: f64,
        /// The key of the common noise.
        noise: Key,
        /// Whether the tensor is stored `[out, in]`.
        out_first: bool,
    },
    /// 0, 1, 2... along the last axis.
    Arange,
    /// What the model's own file holds.
    Keep,
    /// What a checkpoint holds.
    Load(Load),
    /// Independent elements of a distribution.
    #[serde(untagged)]
    Draw(Distribution),
}

/// A part of a tensor along one axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its size along the axis.
    pub size: usize,
    /// What fills it.
    pub fill: Fill,
}

/// Why a fill does not fit a tensor.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FillError {
    /// The distribution cannot be drawn from.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// A constant that the element type cannot hold.
    #[error("{value} is not a {dtype} value; choose another value or another dtype")]
    Constant {
        /// The value.
        value: f64,
        /// The element type.
        dtype: DType,
    },
    /// Values computed as reals, in an integer tensor.
    #[error("an integer tensor ({0}) can be filled by constant, arange or keep only")]
    Integer(DType),
    /// The fill is made for another shape.
    #[error("the fill does not fit shape {shape:?}: {problem}")]
    Shape {
        /// The shape.
        shape: Vec<usize>,
        /// What does not fit.
        problem: String,
    },
    /// Too many elements to count or to hold.
    #[error("shape {shape:?} has more elements than can be {action}")]
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
        /// Counted or held in memory.
        action: &'static str,
    },
    /// Keeping needs a file.
    #[error(
        "keep has no values to copy: the model is a description, not a file of weights; choose an initializer"
    )]
    NothingToKeep,
    /// Loading needs a checkpoint.
    #[error("its values lie in a checkpoint; give that file")]
    NotDrawn,
}

/// The largest matrix (in elements) that a fill may hold whole.
const MAX_MATRIX: u64 = 1 << 31;

impl Fill {
    /// Whether this fill fits a tensor.
    ///
    /// # Errors
    /// Whatever would stop [`Fill::prepare`], except a missing file to keep values of.
    pub fn check(&self, shape: &[usize], dtype: DType) -> Result<(), FillError> {
        let elements = count(shape)?;
        let shape_error = |problem: String| FillError::Shape {
            shape: shape.to_vec(),
            problem,
        };
        let fits = |layout: &Layout| layout.check(shape).map_err(|e| shape_error(e.to_string()));
        let axes = |least: usize| match shape.len() >= least {
            true => Ok(()),
            false => Err(shape_error(format!("it needs {least} axes or more"))),
        };
        if !dtype.is_float() {
            return match *self {
                Fill::Constant { value } => integer_fits(value, dtype),
                Fill::Arange => {
                    let last = shape.last().map_or(0, |&size| size.saturating_sub(1));
                    integer_fits(last as f64, dtype)
                }
                Fill::Keep => Ok(()),
                Fill::Load(ref load) => check_load(load, shape, dtype),
                Fill::Blocks { axis, ref sections } => check_sections(axis, sections, shape, dtype),
                _ => Err(FillError::Integer(dtype)),
            };
        }
        let float_fits = |value: f64| {
            let largest = dtype.max_finite().unwrap_or(f64::MAX);
            let holds = value.is_finite() && value.abs() <= largest;
            if holds {
                Ok(())
            } else {
                Err(FillError::Constant { value, dtype })
            }
        };
        let matrix = || match elements <= MAX_MATRIX {
            true => Ok(()),
            false => Err(FillError::TooLarge {
                shape: shape.to_vec(),
                action: "made as one matrix",
            }),
        };
        match self {
            Fill::Constant { value } => float_fits(*value),
            Fill::Draw(distribution) => {
                crate::stream::Sampler::new(distribution, dtype)?;
                Ok(())
            }
            Fill::Eye { gain } => axes(2).and(float_fits(*gain)),
            Fill::Dirac { groups, layout } => {
                fits(layout)?;
                if *groups == 0 {
                    Err(shape_error("groups is 0".into()))
                } else {
                    Ok(())
                }
            }
            Fill::Hadamard { layout } | Fill::Bilinear { layout } => fits(layout),
            Fill::Sparse { std, zeros } => {
                axes(2)?;
                crate::stream::Sampler::new(&normal(*std), dtype)?;
                matrix()?;
                if *zeros <= shape[0] {
                    Ok(())
                } else {
                    Err(shape_error(format!(
                        "{zeros} zeros in columns of {}",
                        shape[0]
                    )))
                }
            }
            Fill::Orthogonal { gain, rows } => {
                float_fits(*gain)?;
                matrix()?;
                let whole = elements == 0 || (*rows > 0 && elements % *rows as u64 == 0);
                if whole {
                    Ok(())
                } else {
                    Err(shape_error(format!("it has not {rows} rows")))
                }
            }
            Fill::DeltaOrthogonal { gain, layout } => {
                float_fits(*gain)?;
                matrix()?;
                fits(layout)
            }
            Fill::LooksLinear { gain } => {
                float_fits(*gain)?;
                matrix()?;
                let even = shape.len() == 2 && shape.iter().all(|size| size % 2 == 0);
                if even {
                    Ok(())
                } else {
                    Err(shape_error("it needs two even axes".into()))
                }
            }
            Fill::Stacked { of } => {
                axes(2)?;
                of.check(&shape[1..], dtype)
            }
            Fill::Repeated { axis, repeats, of } => {
                let size = shape.get(*axis).copied().unwrap_or(0);
                if *axis >= shape.len() || *repeats == 0 || size % repeats != 0 {
                    return Err(shape_error(format!(
                        "axis {axis} is not {repeats} times anything"
                    )));
                }
                of.check(&with_axis(shape, *axis, size / repeats), dtype)
            }
            Fill::Blocks { axis, sections } => check_sections(*axis, sections, shape, dtype),
            Fill::Padded { row, of } => {
                axes(1)?;
                if *row >= shape[0] {
                    return Err(shape_error(format!("there is no row {row}")));
                }
                of.check(shape, dtype)
            }
            Fill::LogUniform { low, high, .. } => {
                if *low > 0.0 && high >= low && high.is_finite() {
                    Ok(())
                } else {
                    Err(shape_error(format!(
                        "there is no logarithm between {low} and {high}"
                    )))
                }
            }
            Fill::Sinusoidal { base } | Fill::RotaryFrequencies { base } => {
                axes(1)?;
                if *base > 0.0 {
                    float_fits(*base)
                } else {
                    Err(shape_error("base ≤ 0".into()))
                }
            }
            Fill::S4d { .. } | Fill::Arange => axes(1),
            Fill::MambaDtBias {
                dt_min,
                dt_max,
                floor,
            } => {
                let holds = *dt_min > 0.0 && dt_max >= dt_min && dt_max.is_finite() && *floor > 0.0;
                if holds {
                    Ok(())
                } else {
                    Err(shape_error("time steps out of order".into()))
                }
            }
            Fill::Mimetic { heads, .. } => {
                matrix()?;
                let square = shape.len() == 2 && shape[0] == shape[1];
                if square && *heads > 0 && shape[0].is_multiple_of(*heads) {
                    Ok(())
                } else {
                    Err(shape_error(format!("it is not a square of {heads} heads")))
                }
            }
            Fill::Keep => Ok(()),
            Fill::Load(load) => check_load(load, shape, dtype),
        }
    }

    /// What comes from checkpoints: boxes of the tensor, each with the load that fills it, in its own coordinates.
    pub fn loads(&self, shape: &[usize]) -> Vec<(Slice, &Load)> {
        match self {
            Fill::Load(load) => vec![(Slice::whole(shape), load)],
            Fill::Blocks { axis, sections } => {
                let mut start = 0;
                let mut loads = Vec::new();
                for section in sections {
                    let of = section.fill.loads(&with_axis(shape, *axis, section.size));
                    loads.extend(
                        of.into_iter()
                            .map(|(area, load)| (area.moved(*axis, start), load)),
                    );
                    start += section.size;
                }
                loads
            }
            _ => Vec::new(),
        }
    }

    /// What is generated, before [loads](Self::loads) are laid over it; `None` where nothing is.
    pub fn drawn(&self) -> Option<Fill> {
        match self {
            Fill::Load(load) => load.rest.as_deref().cloned(),
            Fill::Blocks { axis, sections } => {
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
                let (axis, sections) = (*axis, sections.collect());
                Some(Fill::Blocks { axis, sections })
            }
            fill => Some(fill.clone()),
        }
    }

    /// Whether elements of a checkpoint are moved or combined, not copied as they lie.
    pub fn moves_loads(&self) -> bool {
        match self {
            Fill::Load(load) => !load.is_plain(),
            Fill::Blocks { sections, .. } => sections
                .iter()
                .any(|s| matches!(s.fill, Fill::Load(_)) || s.fill.moves_loads()),
            _ => false,
        }
    }

    /// Whether preparing makes a whole matrix, all threads together, and holds it.
    pub fn is_matrix(&self) -> bool {
        match self {
            Fill::Sparse { .. }
            | Fill::Orthogonal { .. }
            | Fill::DeltaOrthogonal { .. }
            | Fill::LooksLinear { .. }
            | Fill::Mimetic { .. } => true,
            Fill::Stacked { of } | Fill::Repeated { of, .. } | Fill::Padded { of, .. } => {
                of.is_matrix()
            }
            Fill::Blocks { sections, .. } => sections.iter().any(|s| s.fill.is_matrix()),
            _ => false,
        }
    }

    /// The standard deviation over the whole tensor, where the fill states one.
    pub fn std(&self) -> Option<f64> {
        match self {
            Fill::Draw(distribution) => Some(distribution.std()),
            Fill::Constant { .. } => Some(0.0),
            Fill::Padded { of, .. } | Fill::Repeated { of, .. } | Fill::Stacked { of } => of.std(),
            _ => None,
        }
    }
}

fn normal(std: f64) -> Distribution {
    Distribution::Normal { mean: 0.0, std }
}

fn check_sections(
    axis: usize,
    sections: &[Section],
    shape: &[usize],
    dtype: DType,
) -> Result<(), FillError> {
    let total = sections
        .iter()
        .try_fold(0usize, |sum, section| sum.checked_add(section.size));
    if shape.get(axis).is_none() || total != shape.get(axis).copied() {
        return Err(FillError::Shape {
            shape: shape.to_vec(),
            problem: format!(
                "its {} sections do not add up to axis {axis}",
                sections.len()
            ),
        });
    }
    sections.iter().try_for_each(|section| {
        section
            .fill
            .check(&with_axis(shape, axis, section.size), dtype)
    })
}

fn check_load(load: &Load, shape: &[usize], dtype: DType) -> Result<(), FillError> {
    if let Some(problem) = load.problem(shape) {
        return Err(FillError::Shape {
            shape: shape.to_vec(),
            problem,
        });
    }
    match &load.rest {
        Some(rest) => rest.check(shape, dtype),
        None => Ok(()),
    }
}

fn with_axis(shape: &[usize], axis: usize, size: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if let Some(whole) = shape.get_mut(axis) {
        *whole = size;
    }
    shape
}

fn count(shape: &[usize]) -> Result<u64, FillError> {
    shape
        .iter()
        .try_fold(1u64, |n, &size| n.checked_mul(size as u64))
        .filter(|&n| n <= 1 << 60)
        .ok_or_else(|| FillError::TooLarge {
            shape: shape.to_vec(),
            action: "counted",
        })
}

fn integer_fits(value: f64, dtype: DType) -> Result<(), FillError> {
    let (low, high) = match dtype {
        DType::Bool => (0.0, 1.0),
        DType::U8 => (0.0, u8::MAX as f64),
        DType::U16 => (0.0, u16::MAX as f64),
        DType::U32 => (0.0, u32::MAX as f64),
        DType::I8 => (i8::MIN as f64, i8::MAX as f64),
        DType::I16 => (i16::MIN as f64, i16::MAX as f64),
        DType::I32 => (i32::MIN as f64, i32::MAX as f64),
        // Every integer up to 2⁵³ is a float; larger ones are nobody's constant.
        _ if dtype == DType::U64 => (0.0, 9_007_199_254_740_992.0),
        _ => (-9_007_199_254_740_992.0, 9_007_199_254_740_992.0),
    };
    if value.fract() == 0.0 && (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(FillError::Constant { value, dtype })
    }
}

#[cfg(test)]
mod tests;
