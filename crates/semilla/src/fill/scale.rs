//! The scale of a fill's values.

use super::kinds::{Fill, Section};
use super::mirrored::halved;

impl Fill {
    /// The fill whose values are `factor` times those of this one; `None` where a kind has no scale
    /// of its own (a permutation, positions, values of a file).
    ///
    /// ```
    /// use semilla::{Distribution, Fill};
    ///
    /// let fill = Fill::Draw(Distribution::Normal { mean: 0.0, std: 0.5 });
    /// assert_eq!(fill.scaled(2.0).unwrap().std(), Some(1.0));
    /// assert_eq!(Fill::Arange.scaled(2.0), None);
    /// ```
    pub fn scaled(&self, factor: f64) -> Option<Fill> {
        let boxed = |of: &Fill| of.scaled(factor).map(Box::new);
        Some(match self {
            Fill::Constant { value } => Fill::Constant {
                value: value * factor,
            },
            Fill::Eye { gain } => Fill::Eye {
                gain: gain * factor,
            },
            Fill::Sparse { std, zeros } => Fill::Sparse {
                std: std * factor.abs(),
                zeros: *zeros,
            },
            Fill::Orthogonal { gain, rows } => Fill::Orthogonal {
                gain: gain * factor,
                rows: *rows,
            },
            Fill::DeltaOrthogonal { gain, layout } => Fill::DeltaOrthogonal {
                gain: gain * factor,
                layout: layout.clone(),
            },
            Fill::LooksLinear { gain } => Fill::LooksLinear {
                gain: gain * factor,
            },
            Fill::Mirrored { axes, of } => Fill::Mirrored {
                axes: axes.clone(),
                of: boxed(of)?,
            },
            Fill::Centred { axis, of } => Fill::Centred {
                axis: *axis,
                of: boxed(of)?,
            },
            Fill::Stacked { of } => Fill::Stacked { of: boxed(of)? },
            Fill::Repeated { axis, repeats, of } => Fill::Repeated {
                axis: *axis,
                repeats: *repeats,
                of: boxed(of)?,
            },
            Fill::Padded { row, of } => Fill::Padded {
                row: *row,
                of: boxed(of)?,
            },
            Fill::Blocks {
                axis,
                sections,
                turns,
            } => {
                let scaled = sections.iter().map(|section| {
                    Some(Section {
                        size: section.size,
                        fill: section.fill.scaled(factor)?,
                    })
                });
                Fill::Blocks {
                    axis: *axis,
                    sections: scaled.collect::<Option<_>>()?,
                    turns: *turns,
                }
            }
            Fill::Values { values } => Fill::Values {
                values: values.iter().map(|value| value * factor).collect(),
            },
            Fill::Draw(distribution) => Fill::Draw(distribution.scaled(factor)),
            _ => return None,
        })
    }

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
            Fill::Values { values } => {
                let squares: f64 = values.iter().map(|value| value * value).sum();
                Some((squares / values.len().max(1) as f64).sqrt())
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

    #[test]
    fn a_scaled_fill_writes_scaled_values() {
        let shape = [6usize, 4];
        let key = Key::new(1, "w");
        let values = |fill: &Fill| -> Vec<f64> {
            fill.prepare(key, &shape, DType::F64)
                .unwrap()
                .to_vec()
                .unwrap()
        };
        let section = |size, fill| Section { size, fill };
        let truncated = Distribution::TruncatedNormal {
            mean: 0.1,
            std: 0.5,
            low: -0.5,
            high: 1.0,
        };
        let uniform = Distribution::Uniform {
            low: -0.5,
            high: 0.25,
        };
        for fill in [
            NORMAL,
            Fill::Draw(truncated),
            Fill::Draw(uniform),
            Fill::Orthogonal { gain: 1.5, rows: 6 },
            Fill::Sparse { std: 0.5, zeros: 2 },
            Fill::Stacked {
                of: Box::new(Fill::Constant { value: 2.0 }),
            },
            Fill::Values {
                values: (0..24).map(f64::from).collect(),
            },
            Fill::in_a_row(
                0,
                vec![
                    section(2, NORMAL),
                    section(4, Fill::Constant { value: 0.1 }),
                ],
            ),
        ] {
            let scaled = values(&fill.scaled(0.75).unwrap());
            for (scaled, value) in scaled.iter().zip(values(&fill)) {
                assert!((scaled - 0.75 * value).abs() < 1e-7, "{fill:?}");
            }
        }
    }

    #[test]
    fn listed_values_are_written_whole_and_in_slices() {
        let fill = Fill::Values {
            values: vec![1.0, -2.0, 3.0],
        };
        let prepared = fill.prepare(Key::new(0, "b"), &[3], DType::F32).unwrap();
        assert_eq!(prepared.to_vec::<f32>().unwrap(), [1.0, -2.0, 3.0]);
        let mut part = [0f32; 2];
        prepared
            .fill_slice(&crate::Slice::new(vec![1], vec![2]), &mut part)
            .unwrap();
        assert_eq!(part, [-2.0, 3.0]);
        assert!(fill.check(&[4], DType::F32).is_err());
        let text = serde_json::to_string(&fill).unwrap();
        assert_eq!(text, r#"{"values":{"values":[1.0,-2.0,3.0]}}"#);
        assert_eq!(serde_json::from_str::<Fill>(&text).unwrap(), fill);
    }
}
