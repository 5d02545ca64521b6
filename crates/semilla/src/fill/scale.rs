//! The scale of a fill's values.

use super::kinds::Fill;
use super::mirrored::halved;

impl Fill {
    /// The root mean square of the values that a fill writes, where there is a formula.
    pub fn root_mean_square(&self, shape: &[usize]) -> Option<f64> {
        let elements = |shape: &[usize]| shape.iter().map(|&size| size as f64).product::<f64>();
        match self {
            Fill::Constant { value } => Some(value.abs()),
            Fill::Draw(distribution) => Some(distribution.mean().hypot(distribution.std())),
            // The squares of a semi-orthogonal matrix add up to the smaller side.
            Fill::Orthogonal { gain, rows } => {
                let columns = elements(shape) / *rows as f64;
                Some(gain.abs() / columns.max(*rows as f64).sqrt())
            }
            Fill::Stacked { of } => of.root_mean_square(shape.get(1..)?),
            Fill::Repeated { axis, repeats, of } => {
                let mut smaller = shape.to_vec();
                *smaller.get_mut(*axis)? /= repeats;
                of.root_mean_square(&smaller)
            }
            Fill::LooksLinear { gain } => {
                Some(gain.abs() / (shape.iter().max().copied()? as f64 / 2.0).sqrt())
            }
            Fill::Mirrored { axes, of } => of.root_mean_square(&halved(shape, axes)),
            // Means have one degree of freedom of those of the values that they are taken from.
            Fill::Centred { axis, of } => {
                let each = elements(shape) / *shape.get(*axis)? as f64;
                Some(of.root_mean_square(shape)? * (1.0 - 1.0 / each).sqrt())
            }
            Fill::Padded { of, .. } => {
                let rows = *shape.first()? as f64;
                Some(of.root_mean_square(shape)? * ((rows - 1.0) / rows).sqrt())
            }
            Fill::Blocks { axis, sections, .. } => {
                let mut squares = 0.0;
                for section in sections {
                    let mut part = shape.to_vec();
                    *part.get_mut(*axis)? = section.size;
                    squares += elements(&part) * section.fill.root_mean_square(&part)?.powi(2);
                }
                Some((squares / elements(shape)).sqrt())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::distribution::Distribution;
    use crate::fill::Section;
    use crate::stream::Key;

    const NORMAL: Fill = Fill::Draw(Distribution::Normal {
        mean: 0.0,
        std: 0.5,
    });

    #[test]
    fn the_scale_of_a_fill_is_that_of_its_values() {
        let shape = [48usize, 32];
        let section = |size, fill| Section { size, fill };
        let fills = [
            NORMAL,
            Fill::Orthogonal {
                gain: 1.5,
                rows: 48,
            },
            Fill::Padded {
                row: 3,
                of: Box::new(NORMAL),
            },
            Fill::Stacked {
                of: Box::new(Fill::Constant { value: -2.0 }),
            },
            Fill::Repeated {
                axis: 0,
                repeats: 2,
                of: Box::new(Fill::Orthogonal {
                    gain: 1.0,
                    rows: 24,
                }),
            },
            Fill::LooksLinear { gain: 1.5 },
            Fill::Mirrored {
                axes: vec![1],
                of: Box::new(NORMAL),
            },
            Fill::Centred {
                axis: 0,
                of: Box::new(Fill::Orthogonal {
                    gain: 1.5,
                    rows: 48,
                }),
            },
            Fill::in_a_row(
                0,
                vec![
                    section(16, NORMAL),
                    section(32, Fill::Constant { value: 0.1 }),
                ],
            ),
        ];
        for fill in fills {
            let prepared = fill.prepare(Key::new(1, "w"), &shape, DType::F32).unwrap();
            let mut values = vec![0f32; 48 * 32];
            let all = crate::Slice::whole(&shape);
            prepared.fill_slice(&all, &mut values).unwrap();
            let squares: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
            let measured = (squares / values.len() as f64).sqrt();
            let expected = fill.root_mean_square(&shape).unwrap();
            assert!(
                (measured / expected - 1.0).abs() < 0.06,
                "{fill:?}: {measured} {expected}"
            );
        }
        assert_eq!(Fill::Arange.root_mean_square(&shape), None);
    }
}
