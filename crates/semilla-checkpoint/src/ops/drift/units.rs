//! What became of each unit.

use super::report::{Range, UnitsDrift};
use super::shape::Shape;
use super::sums::Sums;

/// What is said of the units of a tensor, by the sums of each.
pub(super) fn units(shape: Shape, units: &[Sums], every: bool) -> UnitsDrift {
    let relations = units.iter().map(Sums::relations);
    let unmoved = units
        .iter()
        .enumerate()
        .filter(|(_, unit)| unit.is_unmoved());
    UnitsDrift {
        axis: shape.axis,
        count: shape.units,
        unmoved: unmoved.map(|(place, _)| place).collect(),
        moved: Range::of(relations.clone().filter_map(|unit| unit.moved)),
        cosine: Range::of(relations.clone().filter_map(|unit| unit.cosine)),
        each: if every {
            relations.collect()
        } else {
            Vec::new()
        },
    }
}

/// The sums of each unit in a piece that begins at an element.
pub(super) fn by_unit(
    shape: Shape,
    first: usize,
    start: &[f64],
    trained: &[f64],
    same: &[bool],
) -> Vec<(usize, Sums)> {
    /// Runs below this are not worth a unit's own sums each time.
    const SHORT: usize = 16;
    if shape.run < SHORT {
        // A tensor may have far more units than a piece touches.
        let run = first / shape.run;
        let runs = (first + start.len()).div_ceil(shape.run) - run;
        let mut all = vec![Sums::default(); runs.min(shape.units)];
        let count = all.len();
        for (at, (&start, &trained)) in start.iter().zip(trained).enumerate() {
            all[((first + at) / shape.run - run) % count].take(start, trained, same[at]);
        }
        let numbered = all.into_iter().enumerate();
        return numbered
            .map(|(place, sums)| ((run + place) % shape.units, sums))
            .collect();
    }
    let mut units = Vec::new();
    let mut from = 0;
    while from < start.len() {
        let left = shape.run - (first + from) % shape.run;
        let part = from..start.len().min(from + left);
        let sums = Sums::of(
            &start[part.clone()],
            &trained[part.clone()],
            &same[part.clone()],
        );
        units.push((shape.unit(first + from), sums));
        from = part.end;
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the units and the piece, each element goes to its unit.
    #[test]
    fn every_element_counts_for_its_unit() {
        for (units, run) in [(7, 1), (7, 3), (3, 15), (5, 20)] {
            let (axis, columns) = (0, run);
            let shape = Shape {
                axis,
                units,
                run,
                columns,
            };
            for (first, len) in [(0, 1), (5, 12), (2, 200), (131, 64)] {
                let trained: Vec<f64> = (0..len).map(|at| (at % 11) as f64).collect();
                let mut expected = vec![Sums::default(); units];
                for (at, &trained) in trained.iter().enumerate() {
                    expected[shape.unit(first + at)].take(1.0, trained, trained == 1.0);
                }
                let same: Vec<bool> = trained.iter().map(|&x| x == 1.0).collect();
                let mut found = vec![Sums::default(); units];
                for (unit, sums) in by_unit(shape, first, &vec![1.0; len], &trained, &same) {
                    found[unit].add(&sums);
                }
                assert_eq!(found, expected, "{units} x {run}, {len} from {first}");
            }
        }
    }
}
