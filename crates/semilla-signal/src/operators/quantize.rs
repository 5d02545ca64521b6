//! Numbers rounded to few values and back. Floats stay floats in between, so that gradients go
//! straight through, as in training with quantization (Bengio, Léonard and Courville 2013, section
//! 4).

use crate::array::{Array, around};
use crate::executor::{Call, Made, Operator, Pass, Problem};
use crate::real::Real;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "QuantizeLinear" => quantize(call),
        "DequantizeLinear" => dequantize(call),
        "ConvInteger"
        | "MatMulInteger"
        | "QLinearConv"
        | "QLinearMatMul"
        | "DynamicQuantizeLinear" => Err(Problem::Unsupported(
            "arithmetic on quantized numbers, through which no gradient flows; check the model \
             before it is quantized"
                .to_owned(),
        )),
        _ => return Ok(None),
    };
    made.map(Some)
}

/// Scales and zero points, spread over the elements of an input.
struct Grid<T> {
    scale: Vec<T>,
    zero: Vec<T>,
    /// Outer, along, inner: which element has which scale.
    sizes: (usize, usize, usize),
}

impl<T: Real> Grid<T> {
    fn of(call: &Call<'_, T>, shape: &[usize]) -> Result<Self, Problem> {
        if call.int("block_size", 0)? != 0 {
            return Err(Problem::Unsupported("quantization in blocks".to_owned()));
        }
        let scale = call.float(1)?.array.data().to_vec();
        let zero = match (call.has(2), call.is_float(2)) {
            (false, _) => vec![T::zero(); scale.len()],
            (true, true) => call.float(2)?.array.data().to_vec(),
            (true, false) => {
                let zeros = call.whole(2)?;
                zeros
                    .data()
                    .iter()
                    .map(|&zero| T::of(zero as f64))
                    .collect()
            }
        };
        let sizes = match scale.len() {
            1 => (1, 1, crate::array::size(shape)),
            _ => around(shape, call.axis(call.int("axis", 1)?, shape.len())?),
        };
        if scale.len() != sizes.1 || zero.len() != scale.len() {
            return Err(
                call.shapes("a scale and a zero point for all, or for each index of an axis")
            );
        }
        Ok(Self { scale, zero, sizes })
    }

    /// Scale and zero point of an element.
    fn at(&self, element: usize) -> (T, T) {
        let place = element / self.sizes.2.max(1) % self.sizes.1.max(1);
        (self.scale[place], self.zero[place])
    }

    fn map(&self, x: &Array<T>, f: impl Fn(T, T, T) -> T) -> Array<T> {
        let values = x.data().iter().enumerate().map(|(element, &x)| {
            let (scale, zero) = self.at(element);
            f(x, scale, zero)
        });
        Array::new(x.shape(), values.collect()).expect("as many elements")
    }
}

/// To whole numbers within limits, which stay floats.
struct Quantize<T> {
    grid: Grid<T>,
    limits: (T, T),
}

fn quantize<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let x = call.float(0)?;
    let limits = limits(call)?;
    let quantize = Quantize {
        grid: Grid::of(call, x.array.shape())?,
        limits: (T::of(limits.0), T::of(limits.1)),
    };
    Made::step(quantize, [x])
}

/// The least and the greatest number of the type that is made.
fn limits<T: Real>(call: &Call<'_, T>) -> Result<(f64, f64), Problem> {
    // The numbers of element types in ONNX.
    let by_code = |code: i64| match code {
        3 => Some((-128.0, 127.0)),
        4 => Some((0.0, 65_535.0)),
        5 => Some((-32_768.0, 32_767.0)),
        21 => Some((0.0, 15.0)),
        22 => Some((-8.0, 7.0)),
        0 | 2 => Some((0.0, 255.0)),
        _ => None,
    };
    let asked = call.int("output_dtype", 0)?;
    // The type of a zero point is not kept; one below 0 is of a signed type, and so is a symmetric
    // quantization of weights.
    let is_signed = call.has(2) && !call.is_float(2) && {
        let zeros = call.whole(2)?;
        zeros.data().iter().all(|&zero| zero <= 0)
    };
    match (asked, is_signed) {
        (0, true) => Ok((-128.0, 127.0)),
        (code, _) => by_code(code).ok_or_else(|| {
            Problem::Unsupported("quantization to numbers that are not whole".to_owned())
        }),
    }
}

impl<T: Real> Operator<T> for Quantize<T> {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        let (low, high) = self.limits;
        vec![self.grid.map(inputs[0], |x, scale, zero| {
            (super::activation::round_half_even(x / scale) + zero)
                .max(low)
                .min(high)
        })]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let (low, high) = self.limits;
        let slopes = self.grid.map(pass.inputs[0], |x, scale, zero| {
            let at = x / scale + zero;
            if at < low || at > high {
                T::zero()
            } else {
                T::one() / scale
            }
        });
        Pass::only(pass.gradient(0).zip(&slopes, |g, slope| g * slope))
    }
}

/// Back to numbers.
struct Dequantize<T> {
    grid: Grid<T>,
}

fn dequantize<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    if !call.is_float(0) {
        let x = call.whole(0)?.map(|x| T::of(x as f64));
        let grid = Grid::of(call, x.shape())?;
        return Made::constant(grid.map(&x, |x, scale, zero| (x - zero) * scale));
    }
    let x = call.float(0)?;
    let grid = Grid::of(call, x.array.shape())?;
    Made::step(Dequantize { grid }, [x])
}

impl<T: Real> Operator<T> for Dequantize<T> {
    fn forward(&self, inputs: &[&Array<T>]) -> Vec<Array<T>> {
        vec![
            self.grid
                .map(inputs[0], |x, scale, zero| (x - zero) * scale),
        ]
    }

    fn backward(&self, pass: &Pass<'_, T>) -> Vec<Option<Array<T>>> {
        let gradient = pass.gradient(0);
        Pass::only(self.grid.map(&gradient, |g, scale, _| g * scale))
    }
}
