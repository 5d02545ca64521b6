//! Images put together from the columns of their windows.

use super::shape::sizes;
use crate::array::{Array, size};
use crate::executor::{Call, Made, Operator, Pass, Problem, affordable};
use crate::real::Real;

/// `Col2Im`: each element of a window is added to the place that it was taken from.
pub(crate) fn lower<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let x = call.float(0)?;
    let image = sizes("image_shape", call.whole(1)?.data())?;
    let block = sizes("block_shape", call.whole(2)?.data())?;
    let wrong = || call.shapes("columns of as many windows as the image has");
    let &[samples, rows, windows] = x.array.shape() else {
        return Err(wrong());
    };
    let elements = affordable(&block)?;
    let fits = (1..=rows).contains(&elements) && rows % elements == 0;
    if image.len() != block.len() || !fits {
        return Err(wrong());
    }
    let list = |name: &'static str, len: usize, default: i64| match call.ints(name)? {
        None => Ok(vec![default; len]),
        Some(values) if values.len() == len && values.iter().all(|&value| value >= 0) => Ok(values),
        Some(values) => Err(Problem::Attribute {
            name,
            value: format!("{values:?}"),
        }),
    };
    let axes = image.len();
    let (strides, dilations) = (list("strides", axes, 1)?, list("dilations", axes, 1)?);
    let pads = list("pads", 2 * axes, 0)?;
    // For each element of the block and each window the place in the image; -1 is beyond it.
    let mut places = vec![0i64; 1];
    let (mut along_block, mut along_image) = (1, 1);
    for axis in 0..axes {
        let (length, stride, apart) = (image[axis] as i64, strides[axis], dilations[axis]);
        let reach = apart.saturating_mul(block[axis] as i64 - 1);
        let room = (pads[axis].saturating_add(pads[axis + axes]))
            .saturating_add(length)
            .saturating_sub(reach)
            .saturating_sub(1);
        if stride < 1 || room < 0 {
            return Err(wrong());
        }
        let count = room / stride + 1;
        let own = |element: i64, window: i64| {
            let place = window * stride + element * apart - pads[axis];
            if (0..length).contains(&place) {
                place
            } else {
                -1
            }
        };
        if along_image as i64 * count > windows as i64 {
            return Err(wrong());
        }
        let mut next = Vec::with_capacity(places.len() * block[axis] * count as usize);
        for before in 0..along_block {
            for element in 0..block[axis] as i64 {
                for earlier in 0..along_image {
                    let outer = places[before * along_image + earlier];
                    next.extend(
                        (0..count).map(|window| match (outer, own(element, window)) {
                            (-1, _) | (_, -1) => -1,
                            (outer, place) => outer * length + place,
                        }),
                    );
                }
            }
        }
        places = next;
        along_block *= block[axis];
        along_image *= count as usize;
    }
    if along_image != windows {
        return Err(wrong());
    }
    let mut shape = vec![samples, rows / elements];
    shape.extend(&image);
    affordable(&shape)?;
    let operator = Col2Im {
        shape,
        places,
        image: size(&image),
    };
    Made::step(operator, [x])
}

struct Col2Im {
    shape: Vec<usize>,
    /// The place in the image of each row of a channel's columns, window by window.
    places: Vec<i64>,
    image: usize,
}

impl<T: Real> Operator<T> for Col2Im {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let mut made = Array::filled(self.shape.as_slice(), T::zero());
        let images = made.data_mut().chunks_mut(self.image.max(1));
        let columns = inputs[0].data().chunks(self.places.len().max(1));
        for (image, columns) in images.zip(columns) {
            for (&x, &place) in columns.iter().zip(&self.places) {
                if let Ok(place) = usize::try_from(place) {
                    image[place] += x;
                }
            }
        }
        vec![made]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let back = || {
            let mut made = Array::filled(pass.inputs[0].shape(), T::zero());
            let columns = made.data_mut().chunks_mut(self.places.len().max(1));
            let gradient = pass.gradient(0);
            let images = gradient.data().chunks(self.image.max(1));
            for (columns, image) in columns.zip(images) {
                for (x, &place) in columns.iter_mut().zip(&self.places) {
                    if let Ok(place) = usize::try_from(place) {
                        *x = image[place];
                    }
                }
            }
            made
        };
        vec![pass.if_wanted(0, back)]
    }
}
