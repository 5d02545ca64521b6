//! Images resized: linear maps along each axis.

use std::ops::Range;

use super::movement::shape_of;
use crate::array::{Array, around};
use crate::executor::{Call, Made, Operator, Pass, Problem, affordable};
use crate::real::Real;
use crate::sums::add;

/// `Resize`, and `Upsample` of older versions.
pub(crate) fn lower<T: Real>(operator: &str, call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let is_upsample = operator == "Upsample";
    let from = shape_of(call, 0)?;
    let is_old = is_upsample || call.opset < 11;
    let scales = match if is_old { 1 } else { 2 } {
        input if call.has(input) => {
            let values = call.float(input)?.array.data();
            values.iter().map(|value| value.f64()).collect::<Vec<f64>>()
        }
        _ => match call.node.attribute("scales") {
            Some(semilla::graph::Attribute::Floats(values)) => {
                values.iter().map(|&value| value.into()).collect()
            }
            _ => Vec::new(),
        },
    };
    let axes: Vec<usize> = match call.ints("axes")? {
        Some(axes) => axes
            .iter()
            .map(|&axis| call.axis(axis, from.len()))
            .collect::<Result<_, _>>()?,
        None => (0..from.len()).collect(),
    };
    let wrong = || Problem::Attribute {
        name: "sizes",
        value: format!("scales {scales:?} of {} axes", axes.len()),
    };
    let mut to = from.clone();
    let mut factors = vec![1.0; from.len()];
    if !is_old && call.has(3) {
        let sizes = super::shape::sizes("sizes", call.whole(3)?.data())?;
        if sizes.len() != axes.len() {
            return Err(wrong());
        }
        for (&axis, &size) in axes.iter().zip(&sizes) {
            to[axis] = size;
            factors[axis] = size as f64 / from[axis] as f64;
        }
    } else {
        if scales.len() != axes.len() || scales.iter().any(|&scale| scale.is_nan() || scale <= 0.0)
        {
            return Err(wrong());
        }
        for (&axis, &scale) in axes.iter().zip(&scales) {
            to[axis] = (from[axis] as f64 * scale).floor() as usize;
            factors[axis] = scale;
        }
    }
    affordable(&to)?;
    let sampling = Sampling::of(call, is_old)?;
    let maps = (0..from.len()).filter(|&axis| to[axis] != from[axis] || factors[axis] != 1.0);
    let maps = maps.map(|axis| Map {
        axis,
        rows: (0..to[axis])
            .map(|at| sampling.row(at, from[axis], to[axis], factors[axis]))
            .collect(),
    });
    let resize = Resize {
        maps: maps.collect(),
    };
    Made::step(resize, [call.float(0)?])
}

struct Sampling<'a> {
    mode: &'a str,
    coordinates: &'a str,
    nearest: &'a str,
    cubic: f64,
}

impl<'a> Sampling<'a> {
    fn of<T: Real>(call: &Call<'a, T>, is_old: bool) -> Result<Self, Problem> {
        let sampling = Self {
            mode: call.text("mode", "nearest")?,
            coordinates: match is_old {
                true => "asymmetric",
                false => call.text("coordinate_transformation_mode", "half_pixel")?,
            },
            nearest: match is_old {
                true => "floor",
                false => call.text("nearest_mode", "round_prefer_floor")?,
            },
            cubic: call.real("cubic_coeff_a", -0.75)?,
        };
        let known = [
            "half_pixel",
            "pytorch_half_pixel",
            "align_corners",
            "asymmetric",
        ];
        let is_known = matches!(sampling.mode, "nearest" | "linear" | "bilinear" | "cubic")
            && known.contains(&sampling.coordinates)
            && call.int("antialias", 0)? == 0
            && call.int("exclude_outside", 0)? == 0;
        match is_known {
            true => Ok(sampling),
            false => Err(Problem::Unsupported(format!(
                "the resizing {} by {}",
                sampling.mode, sampling.coordinates
            ))),
        }
    }

    /// What an output element along an axis is made of.
    fn row(&self, at: usize, from: usize, to: usize, scale: f64) -> Vec<(usize, f64)> {
        let x = match self.coordinates {
            "asymmetric" => at as f64 / scale,
            "align_corners" if to > 1 => at as f64 * (from as f64 - 1.0) / (to as f64 - 1.0),
            "align_corners" => 0.0,
            "pytorch_half_pixel" if to <= 1 => 0.0,
            _ => (at as f64 + 0.5) / scale - 0.5,
        };
        let held = |index: f64| (index.max(0.0) as usize).min(from.saturating_sub(1));
        match self.mode {
            "nearest" => {
                let index = match self.nearest {
                    "floor" => x.floor(),
                    "ceil" => x.ceil(),
                    "round_prefer_ceil" => (x + 0.5).floor(),
                    _ => (x - 0.5).ceil(),
                };
                vec![(held(index), 1.0)]
            }
            "cubic" => {
                let (first, part) = (x.floor(), x - x.floor());
                let near = |d: f64| ((self.cubic + 2.0) * d - (self.cubic + 3.0)) * d * d + 1.0;
                let far = |d: f64| (((d - 5.0) * d + 8.0) * d - 4.0) * self.cubic;
                let weights = [
                    far(part + 1.0),
                    near(part),
                    near(1.0 - part),
                    far(2.0 - part),
                ];
                let places = [-1.0, 0.0, 1.0, 2.0].map(|step| held(first + step));
                places.into_iter().zip(weights).collect()
            }
            _ => {
                let x = x.clamp(0.0, from.saturating_sub(1) as f64);
                let part = x - x.floor();
                vec![(held(x.floor()), 1.0 - part), (held(x.floor() + 1.0), part)]
            }
        }
    }
}

/// A linear map along an axis: what each output element is made of.
struct Map {
    axis: usize,
    rows: Vec<Vec<(usize, f64)>>,
}

struct Resize {
    maps: Vec<Map>,
}

impl Map {
    /// Calls with the runs of an output, those of an input that it is made of, and its weight;
    /// `sizes` are those of the input around the axis.
    fn each(
        &self,
        (outer, len, inner): (usize, usize, usize),
        mut f: impl FnMut(Range<usize>, Range<usize>, f64),
    ) {
        let run = |place: usize| place * inner..(place + 1) * inner;
        for row in 0..outer {
            for (to, parts) in self.rows.iter().enumerate() {
                for &(from, weight) in parts {
                    f(
                        run(row * self.rows.len() + to),
                        run(row * len + from),
                        weight,
                    );
                }
            }
        }
    }

    fn forward<T: Real>(&self, x: &Array<T>) -> Array<T> {
        let mut shape = x.shape().to_vec();
        shape[self.axis] = self.rows.len();
        let mut made = Array::filled(shape, T::zero());
        self.each(around(x.shape(), self.axis), |to, from, weight| {
            add(&mut made.data_mut()[to], T::of(weight), &x.data()[from]);
        });
        made
    }

    fn back<T: Real>(&self, gradient: &Array<T>, len: usize) -> Array<T> {
        let mut shape = gradient.shape().to_vec();
        shape[self.axis] = len;
        let sizes = around(&shape, self.axis);
        let mut made = Array::filled(shape, T::zero());
        self.each(sizes, |to, from, weight| {
            let terms = &gradient.data()[to];
            add(&mut made.data_mut()[from], T::of(weight), terms);
        });
        made
    }
}

impl<T: Real> Operator<T> for Resize {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let start = inputs[0].clone();
        vec![self.maps.iter().fold(start, |x, map| map.forward(&x))]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let shape = pass.inputs[0].shape();
        let gradient = pass.gradient(0).into_owned();
        let maps = self.maps.iter().rev();
        Pass::only(maps.fold(gradient, |g, map| map.back(&g, shape[map.axis])))
    }
}
