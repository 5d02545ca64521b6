//! Elements moved, not changed: each output element is an input element, or a filling.
//!
//! Whole numbers are moved at once; floats by a step that brings gradients back to where the
//! elements came from.

use crate::array::{Array, size, strides};
use crate::executor::{Call, Lying, Made, Nature, Operand, Operator, Pass, Problem, Value};
use crate::real::Real;
use crate::walk::walk;

/// Where the elements of an output come from.
#[derive(Clone, Debug)]
pub(crate) enum Movement {
    /// The same elements, another shape.
    Reshape(Vec<usize>),
    /// A view: the element at an index is at `start + Σ index · stride`.
    View {
        shape: Vec<usize>,
        start: usize,
        strides: Vec<isize>,
    },
    /// The elements at places, row-major; `None` is a filling.
    Pick {
        shape: Vec<usize>,
        places: Vec<Option<usize>>,
        filling: f64,
    },
}

impl Movement {
    /// Axes in a different order.
    pub(crate) fn transpose(shape: &[usize], order: &[usize]) -> Self {
        let own = strides(shape);
        Movement::View {
            shape: order.iter().map(|&axis| shape[axis]).collect(),
            start: 0,
            strides: order.iter().map(|&axis| own[axis]).collect(),
        }
    }

    /// The shape of the output.
    fn shape(&self) -> &[usize] {
        match self {
            Movement::Reshape(shape)
            | Movement::View { shape, .. }
            | Movement::Pick { shape, .. } => shape,
        }
    }

    /// The output.
    pub(crate) fn apply<E: Copy>(&self, input: &Array<E>, filling: impl Fn(f64) -> E) -> Array<E> {
        let data = input.data();
        let made = match self {
            Movement::Reshape(_) => data.to_vec(),
            Movement::View {
                shape,
                start,
                strides,
            } => {
                let mut made = Vec::with_capacity(size(shape));
                walk(shape, [*start as isize], [strides], |[at], run, [step]| {
                    if step == 1 {
                        made.extend_from_slice(&data[at as usize..at as usize + run]);
                    } else {
                        made.extend((0..run as isize).map(|i| data[(at + i * step) as usize]));
                    }
                });
                made
            }
            Movement::Pick {
                places,
                filling: value,
                ..
            } => {
                let value = filling(*value);
                places
                    .iter()
                    .map(|place| place.map_or(value, |place| data[place]))
                    .collect()
            }
        };
        Array::new(self.shape(), made).expect("as many elements as the movement has")
    }

    /// Gradients brought back to where the elements came from.
    fn back<T: Real>(&self, gradient: &Array<T>, to: &[usize]) -> Array<T> {
        let mut result = Array::filled(to, T::zero());
        self.add_back(gradient, &mut result);
        result
    }

    /// Adds gradients to where the elements came from.
    pub(crate) fn add_back<T: Real>(&self, gradient: &Array<T>, sum: &mut Array<T>) {
        let (sums, terms) = (sum.data_mut(), gradient.data());
        match self {
            Movement::Reshape(_) => {
                let pairs = sums.iter_mut().zip(terms);
                pairs.for_each(|(sum, &term)| *sum += term);
            }
            Movement::View {
                shape,
                start,
                strides: from,
            } => {
                let own = strides(shape);
                walk(
                    shape,
                    [*start as isize, 0],
                    [from, &own],
                    |at, run, step| {
                        for i in 0..run as isize {
                            let term = terms[(at[1] + i * step[1]) as usize];
                            sums[(at[0] + i * step[0]) as usize] += term;
                        }
                    },
                );
            }
            Movement::Pick { places, .. } => {
                for (place, &term) in places.iter().zip(terms) {
                    if let Some(place) = *place {
                        sums[place] += term;
                    }
                }
            }
        }
    }
}

impl<T: Real> Operator<T> for Movement {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        vec![self.apply(inputs[0], T::of)]
    }

    fn nature(&self) -> Nature {
        match self {
            Movement::Pick { .. } => Nature::Pick,
            _ => Nature::Other,
        }
    }

    fn keeps_samples(&self, inputs: &[Lying<'_>]) -> bool {
        let is_reshape = matches!(self, Movement::Reshape(_));
        is_reshape && self.shape().first() == inputs[0].shape.first()
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        Pass::only(self.back(&pass.gradient(0), pass.inputs[0].shape()))
    }
}

/// The shape of an input of either kind.
pub(crate) fn shape_of<T: Real>(call: &Call<'_, T>, input: usize) -> Result<Vec<usize>, Problem> {
    match call.value(input)? {
        Value::Whole(array) => Ok(array.shape().to_vec()),
        Value::Float(id) => Ok(call.operand(*id).array.shape().to_vec()),
        Value::List(_) => Err(Problem::Kind {
            input,
            expected: "an array",
        }),
    }
}

/// Moves the elements of an input of either kind.
pub(crate) fn moved<T: Real>(
    call: &Call<'_, T>,
    input: usize,
    movement: Movement,
) -> Result<Made<T>, Problem> {
    match call.value(input)? {
        Value::Whole(array) => Made::whole(movement.apply(array, |value| value as i64)),
        _ => Made::step(movement, [call.float(input)?]),
    }
}

/// Arrays one behind the other along an axis.
pub(crate) struct Concat {
    pub(crate) axis: usize,
}

impl Concat {
    /// The arrays together; their other axes agree.
    pub(crate) fn join<E: Copy>(&self, inputs: &[&Array<E>]) -> Array<E> {
        let mut shape = inputs[0].shape().to_vec();
        shape[self.axis] = inputs.iter().map(|input| input.shape()[self.axis]).sum();
        let outer = size(&shape[..self.axis]);
        let mut made = Vec::with_capacity(size(&shape));
        for row in 0..outer {
            for input in inputs {
                let len = size(&input.shape()[self.axis..]);
                made.extend_from_slice(&input.data()[row * len..][..len]);
            }
        }
        Array::new(shape, made).expect("the sizes along the axis add up")
    }
}

impl<T: Real> Operator<T> for Concat {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        vec![self.join(inputs)]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        let whole = size(&gradient.shape()[self.axis..]);
        let outer = size(&gradient.shape()[..self.axis]);
        let mut start = 0;
        let mut results = Vec::new();
        for (place, input) in pass.inputs.iter().enumerate() {
            let len = size(&input.shape()[self.axis..]);
            let own = pass.if_wanted(place, || {
                let mut made = Vec::with_capacity(outer * len);
                for row in 0..outer {
                    made.extend_from_slice(&gradient.data()[row * whole + start..][..len]);
                }
                Array::new(input.shape(), made).expect("the input's own part")
            });
            results.push(own);
            start += len;
        }
        results
    }
}

/// Arrays of one kind along an axis, checked.
pub(crate) fn concatenated<T: Real>(
    call: &Call<'_, T>,
    values: &[Value],
    axis: i64,
) -> Result<Made<T>, Problem> {
    let shapes_differ = || call.shapes("all but the joined axis should agree");
    let whole: Vec<_> = values
        .iter()
        .filter_map(|value| match value {
            Value::Whole(array) => Some(&**array),
            _ => None,
        })
        .collect();
    let floats: Vec<Operand<'_, T>> = values
        .iter()
        .filter_map(|value| match value {
            Value::Float(id) => Some(call.operand(*id)),
            _ => None,
        })
        .collect();
    let shapes: Vec<&[usize]> = match whole.len() == values.len() {
        true => whole.iter().map(|array| array.shape()).collect(),
        false => floats.iter().map(|operand| operand.array.shape()).collect(),
    };
    let first = *shapes.first().ok_or(Problem::MissingInput(0))?;
    if shapes.len() != values.len() {
        return Err(shapes_differ());
    }
    let axis = call.axis(axis, first.len())?;
    let agrees = |shape: &&[usize]| {
        shape.len() == first.len()
            && (0..first.len()).all(|other| other == axis || shape[other] == first[other])
    };
    if !shapes.iter().all(agrees) {
        return Err(shapes_differ());
    }
    let concat = Concat { axis };
    match whole.len() == values.len() {
        true => Made::whole(concat.join(&whole)),
        false => Made::step(concat, floats),
    }
}
