//! Arrays of NumPy in pickles: what makes them, and where their elements lie.
//!
//! Source: `numpy/_core/src/multiarray/methods.c` (`array_reduce`, `array_setstate`),
//! `numpy/_core/numeric.py` (`_frombuffer`) and `descriptor.c` (`arraydescr_reduce`).

use semilla::DType;

use super::sequence::{sequence, sizes};
use crate::formats::torch::pickle::{Call, Id, Node, Run, Values};
use crate::io::type_names::{by_code, by_extension};
use crate::quoted::Quoted;

/// An array whose elements are bytes of the pickle.
pub(super) struct Array {
    pub(super) dtype: DType,
    pub(super) shape: Vec<u64>,
    /// In elements.
    pub(super) strides: Vec<u64>,
    pub(super) elements: Elements,
}

/// The bytes of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elements {
    pub(super) run: Run,
    /// Whether each byte is a character (Latin-1) of a text in UTF-8, as pickles of protocol 2 have
    /// bytes.
    pub(super) is_text: bool,
}

impl Elements {
    /// How many bytes they are once decoded.
    pub(super) fn bytes(&self) -> u64 {
        match self.run.characters {
            Some(characters) if self.is_text => characters,
            _ => self.run.bytes,
        }
    }
}

/// Whether a call makes an array.
pub(super) fn is_array(values: &Values, call: &Call) -> bool {
    made_by(values, call).is_some()
}

/// The ways to make an array.
enum Maker {
    /// `_reconstruct(class, (0,), b'b')`; all else is in the state.
    State,
    /// `_frombuffer(bytes, dtype, shape, order)`
    Buffer,
    /// `_mareconstruct(class, class, (0,), b'b')`: some of its elements are no values.
    Masked,
}

fn made_by(values: &Values, call: &Call) -> Option<Maker> {
    match values.global(call.function)? {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Some(Maker::State),
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Some(Maker::Buffer),
        ("numpy.ma.core" | "numpy.ma", "_mareconstruct") => Some(Maker::Masked),
        _ => None,
    }
}

/// The array that a call makes.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn array(values: &Values, call: &Call) -> Result<Array, String> {
    let odd = || "it is an array of NumPy of an unknown kind; save it as a tensor".to_owned();
    let [kind, shape, is_fortran, data] = match made_by(values, call).ok_or_else(odd)? {
        Maker::Masked => {
            return Err("it is a masked array of NumPy; save its filled() instead".to_owned());
        }
        Maker::Buffer => match *values.tuple(call.arguments).ok_or_else(odd)? {
            [data, kind, shape, order] => [kind, shape, order, data],
            _ => return Err(odd()),
        },
        Maker::State => {
            let state = call.state.and_then(|state| values.tuple(state));
            match *state.ok_or_else(odd)? {
                // The first is the version.
                [_, shape, kind, is_fortran, data] | [shape, kind, is_fortran, data] => {
                    [kind, shape, is_fortran, data]
                }
                _ => return Err(odd()),
            }
        }
    };
    let dtype = dtype(values, kind)?;
    let shape = sizes(values, shape).ok_or_else(odd)?;
    let is_fortran = values.integer(is_fortran) == Some(1) || values.text(is_fortran) == Some("F");
    Ok(Array {
        dtype,
        strides: strides(&shape, is_fortran).ok_or_else(odd)?,
        shape,
        elements: elements(values, data).ok_or("its elements are no bytes of the file")?,
    })
}

/// The steps between neighbours of an array without gaps.
fn strides(shape: &[u64], is_fortran: bool) -> Option<Vec<u64>> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1u64;
    for place in 0..shape.len() {
        let axis = if is_fortran {
            place
        } else {
            shape.len() - 1 - place
        };
        strides[axis] = step;
        step = step.checked_mul(shape[axis].max(1))?;
    }
    Some(strides)
}

fn elements(values: &Values, data: Id) -> Option<Elements> {
    let plain = |run| Elements {
        run,
        is_text: false,
    };
    let Node::Call(call) = values.get(data) else {
        return values.run(data).map(plain);
    };
    let arguments = values.tuple(call.arguments)?;
    match (values.global(call.function)?, arguments) {
        (("_codecs", "encode"), [text, coding]) => {
            let is_latin = matches!(values.text(*coding), Some("latin1" | "latin-1"));
            let run = values
                .run(*text)
                .filter(|run| run.characters.is_some() && is_latin)?;
            Some(Elements { run, is_text: true })
        }
        (("builtins" | "__builtin__", "bytes" | "bytearray"), []) => Some(plain(Run {
            at: 0,
            bytes: 0,
            characters: None,
        })),
        (("builtins" | "__builtin__", "bytes" | "bytearray"), [bytes]) => elements(values, *bytes),
        _ => None,
    }
}

/// The element type of `numpy.dtype(name, ...)`, whose state has the order of bytes.
fn dtype(values: &Values, kind: Id) -> Result<DType, String> {
    let odd = || "its dtype is not one of NumPy's".to_owned();
    let call = values.call(kind).ok_or_else(odd)?;
    if values.global(call.function) != Some(("numpy", "dtype")) {
        return Err(odd());
    }
    let name = values
        .tuple(call.arguments)
        .and_then(|arguments| arguments.first());
    let &name = name.ok_or_else(odd)?;
    // Types that other packages add are called by their classes.
    let named = values.text(name).or_else(|| Some(values.global(name)?.1));
    let named = named.ok_or_else(odd)?;
    let dtype = by_code(named).or_else(|| by_extension(named));
    let dtype = dtype.ok_or_else(|| {
        format!(
            "it is an array of NumPy of the dtype {}",
            Quoted::new(named)
        )
    })?;
    let state = call.state.and_then(|state| sequence(values, state));
    let order = state.and_then(|state| values.text(*state.get(1)?));
    match order {
        Some(">") if dtype.size() > 1 => Err("its elements are big-endian".to_owned()),
        _ => Ok(dtype),
    }
}
