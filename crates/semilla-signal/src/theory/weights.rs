//! What theory knows of weights.

use semilla::{Fill, Line};

/// The moments of a weight's elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightMoments {
    /// Their mean.
    pub mean: f64,
    /// Their mean square.
    pub square: f64,
    /// Whether the rows or the columns of the matrix are orthogonal and of one length: a product
    /// with it keeps lengths, where independent elements make them spread.
    pub is_orthogonal: bool,
    /// How its elements depend on each other beyond that.
    pub pattern: Pattern,
}

/// How the elements of a weight depend on each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pattern {
    /// Not at all.
    #[default]
    None,
    /// Along each axis whose bit is set, the second half is the first with the opposite sign.
    Mirrored(u8),
    /// The mean at each index of this axis is 0.
    Centred(usize),
}

impl Pattern {
    fn mirrored(axes: &[usize]) -> Option<Self> {
        let bits = axes
            .iter()
            .map(|&axis| 1u8.checked_shl(u32::try_from(axis).ok()?));
        let bits = bits.collect::<Option<Vec<_>>>()?;
        Some(Self::Mirrored(
            bits.into_iter().fold(0, |all, bit| all | bit),
        ))
    }

    /// Whether the halves along an axis are of opposite sign.
    pub(super) fn is_mirrored(self, axis: usize) -> bool {
        matches!(self, Self::Mirrored(axes) if axis < 8 && axes >> axis & 1 == 1)
    }

    fn transposed(self, order: &[usize]) -> Self {
        let place = |axis: usize| order.iter().position(|&old| old == axis);
        match self {
            Self::None => Self::None,
            Self::Mirrored(_) => (order.iter().enumerate())
                .filter(|&(_, &old)| self.is_mirrored(old))
                .fold(Self::Mirrored(0), |all, (new, _)| match all {
                    Self::Mirrored(axes) if new < 8 => Self::Mirrored(axes | 1 << new),
                    other => other,
                }),
            Self::Centred(axis) => place(axis).map_or(Self::None, Self::Centred),
        }
    }
}

impl WeightMoments {
    /// Independent elements around 0.
    pub fn around_zero(square: f64) -> Self {
        Self {
            mean: 0.0,
            square,
            is_orthogonal: false,
            pattern: Pattern::None,
        }
    }

    /// The same value everywhere.
    pub fn constant(value: f64) -> Self {
        Self {
            mean: value,
            ..Self::around_zero(value * value)
        }
    }

    /// The moments that a line of a plan gives a tensor, times the factor on what it makes; `None`
    /// where the fill has no formula for them, as of values that are loaded or of structured
    /// matrices other than mirrored and centred ones.
    pub fn of_line(line: &Line) -> Option<Self> {
        let found = Self::of_fill(&line.fill, &line.shape)?;
        Some(found.scaled(line.multiplier.unwrap_or(1.0)))
    }

    fn of_fill(fill: &Fill, shape: &[usize]) -> Option<Self> {
        let square = fill.root_mean_square(shape)?.powi(2);
        // Of halves and of what is left without means.
        let within = |of: &Fill, pattern: Pattern| {
            let size = |(axis, &size): (usize, &usize)| match pattern.is_mirrored(axis) {
                true => size.div_ceil(2),
                false => size,
            };
            let shape: Vec<usize> = shape.iter().enumerate().map(size).collect();
            let inner = Self::of_fill(of, &shape)?;
            let is_plain = inner.mean == 0.0 && inner.pattern == Pattern::None;
            is_plain.then_some(Self {
                square,
                pattern,
                ..inner
            })
        };
        match fill {
            Fill::LooksLinear { gain } => {
                let rows = shape.first()?.div_ceil(2);
                let of = Fill::Orthogonal { gain: *gain, rows };
                return within(&of, Pattern::mirrored(&[0, 1])?);
            }
            Fill::Mirrored { axes, of } => return within(of, Pattern::mirrored(axes)?),
            Fill::Centred { axis, of } => return within(of, Pattern::Centred(*axis)),
            _ => {}
        }
        let (mean, is_orthogonal) = match fill {
            Fill::Constant { value } => (*value, false),
            Fill::Draw(distribution) => (distribution.mean(), false),
            Fill::Orthogonal { .. } => (0.0, true),
            Fill::Stacked { of } | Fill::Repeated { of, .. } | Fill::Padded { of, .. } => (
                Self::of_fill(of, shape.get(1..)?).map_or(0.0, |inner| inner.mean),
                false,
            ),
            Fill::Blocks { axis, sections, .. } => {
                let mut mean = 0.0;
                for section in sections {
                    let mut part = shape.to_vec();
                    let all = std::mem::replace(part.get_mut(*axis)?, section.size) as f64;
                    mean += section.size as f64 / all * Self::of_fill(&section.fill, &part)?.mean;
                }
                (mean, false)
            }
            _ => (0.0, false),
        };
        Some(Self {
            mean,
            square,
            is_orthogonal,
            pattern: Pattern::None,
        })
    }

    /// The moments of values that are there. A mean that is within the chance of values around 0 is
    /// taken for 0.
    pub fn of_values(values: &[f32]) -> Self {
        let count = values.len().max(1) as f64;
        let sum: f64 = values.iter().map(|&x| f64::from(x)).sum();
        let squares: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let (mean, square) = (sum / count, squares / count);
        let is_chance = mean * mean * count < 25.0 * square && count > 1.0;
        let is_constant = square - mean * mean <= 1e-12 * square;
        Self {
            mean: if is_chance && !is_constant { 0.0 } else { mean },
            ..Self::around_zero(square)
        }
    }

    /// The same under axes of a new order.
    pub(super) fn transposed(self, order: &[usize]) -> Self {
        Self {
            pattern: self.pattern.transposed(order),
            ..self
        }
    }

    /// Every element times a number.
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            mean: self.mean * factor,
            square: self.square * factor * factor,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_no_mean() {
        let values: Vec<f32> = (0..1000)
            .map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0)
            .collect();
        assert_eq!(WeightMoments::of_values(&values).mean, 0.0);
        let ones = WeightMoments::of_values(&[1.0; 4]);
        assert_eq!((ones.mean, ones.square), (1.0, 1.0));
        let shifted: Vec<f32> = values.iter().map(|x| x + 1.0).collect();
        assert!((WeightMoments::of_values(&shifted).mean - 1.0).abs() < 0.01);
    }

    #[test]
    fn moments_of_fills() {
        use semilla::Distribution;
        let normal = Fill::Draw(Distribution::Normal {
            mean: 0.0,
            std: 0.5,
        });
        let found = WeightMoments::of_fill(&normal, &[4, 4]).unwrap();
        assert_eq!(found, WeightMoments::around_zero(0.25));
        let orthogonal = Fill::Orthogonal { gain: 2.0, rows: 4 };
        let found = WeightMoments::of_fill(&orthogonal, &[4, 16]).unwrap();
        assert!((found.square - 0.25).abs() < 1e-12 && found.is_orthogonal);
        assert_eq!(WeightMoments::of_fill(&Fill::Arange, &[4]), None);
        let mirrored = Fill::Mirrored {
            axes: vec![0],
            of: Box::new(orthogonal),
        };
        let found = WeightMoments::of_fill(&mirrored, &[8, 16]).unwrap();
        assert!((found.square - 0.25).abs() < 1e-12 && found.is_orthogonal);
        assert_eq!(found.pattern, Pattern::Mirrored(1));
        let centred = Fill::Centred {
            axis: 0,
            of: Box::new(normal),
        };
        let found = WeightMoments::of_fill(&centred, &[4, 10]).unwrap();
        assert!((found.square - 0.25 * 0.9).abs() < 1e-12);
        assert_eq!(found.pattern, Pattern::Centred(0));
    }

    #[test]
    fn patterns_follow_their_axes() {
        let pattern = Pattern::mirrored(&[0, 2]).unwrap();
        assert_eq!(pattern.transposed(&[2, 1, 0]), pattern);
        assert_eq!(pattern.transposed(&[1, 0, 2]), Pattern::Mirrored(0b110));
        assert_eq!(Pattern::Centred(0).transposed(&[1, 0]), Pattern::Centred(1));
    }
}
