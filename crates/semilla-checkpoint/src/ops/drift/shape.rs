//! A tensor as units and as a matrix.

use semilla::{Axis, Layout, Line};

/// How the elements of a tensor belong to units and to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The axis of the units.
    pub(super) axis: usize,
    /// How many units there are.
    pub(super) units: usize,
    /// Elements in a row that belong to one unit.
    pub(super) run: usize,
    /// The length of the matrix's rows.
    pub(super) columns: usize,
}

impl Shape {
    /// `None` of scalars, of vectors, and where there are no elements.
    pub(super) fn of(line: &Line) -> Option<Self> {
        let shape = &*line.shape;
        if shape.len() < 2 || shape.contains(&0) {
            return None;
        }
        let layout = line.layout.as_ref();
        let stated = |kind| layout.and_then(|layout: &Layout| layout.axis(kind));
        let axis = stated(Axis::Out)
            .or_else(|| stated(Axis::Vocabulary))
            .unwrap_or(0);
        let run = shape[axis + 1..].iter().product();
        // Weights that are stacked have units of their own each.
        let is_stacked = axis > 0 && stated(Axis::Stack) == Some(axis - 1);
        let stack = if is_stacked { shape[axis - 1] } else { 1 };
        Some(Self {
            axis,
            units: stack * shape[axis],
            run,
            columns: match () {
                () if axis + 1 == shape.len() => shape[axis],
                () if is_stacked => run,
                () => shape[1..].iter().product(),
            },
        })
    }

    /// The unit of an element.
    pub(super) fn unit(&self, element: usize) -> usize {
        element / self.run % self.units
    }
}

#[cfg(test)]
mod tests {
    use semilla::model::{Convention, Model};
    use semilla::{DType, Recipe};

    use super::*;

    fn of(layout: &str, shape: &[usize]) -> Shape {
        let tensor = ("fc.weight".to_owned(), shape.to_vec(), DType::F32);
        let model = Model::infer([tensor], Convention::Pytorch);
        let plan = Recipe::named("auto").unwrap().plan(&model, 0);
        let mut line = plan.unwrap().tensors.remove(0);
        line.layout = Some(layout.parse().unwrap());
        Shape::of(&line).unwrap()
    }

    #[test]
    fn units_lie_along_the_output() {
        let rows = of("OI", &[4, 6]);
        assert_eq!((rows.units, rows.run, rows.columns), (4, 6, 6));
        assert_eq!([0, 5, 6, 23].map(|at| rows.unit(at)), [0, 0, 1, 3]);
        let columns = of("IO", &[4, 6]);
        assert_eq!((columns.units, columns.run, columns.columns), (6, 1, 6));
        assert_eq!([0, 5, 6, 23].map(|at| columns.unit(at)), [0, 5, 0, 5]);
    }
}
