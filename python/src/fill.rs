//! An initializer's values in a tensor that Python holds.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyTuple};
use rayon::prelude::*;
use semilla::stream::{Key, Stream};
use semilla::{
    Context, DType, DistributionError, FanRule, Fill, FillError, InitError, Layout, Prepared,
    Sampler, Slice, Tensor,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::drawn::Drawn;
use crate::hashed::hash;
use crate::memory::{Destination, Memory, MemoryMistake, Piece};
use crate::threads;

/// Elements that one thread makes at a time.
const CHUNK: usize = 1 << 16;

/// Elements that are made before another thread is awake, or the GIL let go.
const FEW: usize = 1 << 12;

/// Why values were not written.
#[derive(Debug, thiserror::Error)]
enum Mistake {
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Fill(#[from] FillError),
    #[error(transparent)]
    Layout(#[from] semilla::LayoutError),
    #[error(transparent)]
    Memory(#[from] MemoryMistake),
}

impl From<Mistake> for PyErr {
    fn from(mistake: Mistake) -> Self {
        let text = mistake.to_string();
        match mistake {
            Mistake::Memory(mistake) => mistake.into(),
            Mistake::Init(InitError::Fill(error)) | Mistake::Fill(error) if is_type(&error) => {
                PyTypeError::new_err(text)
            }
            _ => PyValueError::new_err(text),
        }
    }
}

/// Whether the element type is what is wrong.
fn is_type(error: &FillError) -> bool {
    matches!(
        error,
        FillError::Integer(_) | FillError::Distribution(DistributionError::Integer(_))
    )
}

/// One of Semilla's initializers with its parameters: `Initializer("normal", std=0.02)`, or as text
/// `Initializer("normal(std=0.02)")`.
///
/// Parameters
/// ----------
/// name : str
///     Its name or an alias, with or without parameters in parentheses.
/// fans : {"exact", "pytorch", "keras"}
///     Whose definition of fan_in and fan_out it uses.
/// parameters
///     Its parameters: numbers, texts, truths, lists, and other initializers.
///
/// Raises
/// ------
/// ValueError
///     There is no such initializer, or it has no such parameter.
#[pyclass(frozen, module = "semilla", name = "Initializer")]
pub(crate) struct Initializer {
    initializer: semilla::Initializer,
    fans: FanRule,
}

#[pymethods]
impl Initializer {
    #[new]
    #[pyo3(signature = (name, /, *, fans = "exact", **parameters))]
    fn new(name: &str, fans: &str, parameters: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let fans = FanRule::deserialize(Value::from(fans)).map_err(invalid)?;
        let initializer = match parameters {
            Some(parameters) if !parameters.is_empty() => {
                let table = Value::from(Map::from_iter([(name.to_owned(), table(parameters)?)]));
                semilla::Initializer::deserialize(table).map_err(invalid)?
            }
            _ => name.parse().map_err(invalid)?,
        };
        Ok(Self { initializer, fans })
    }

    /// Fills a tensor, or the part of it that the destination holds.
    ///
    /// `destination` is `(address, dtype, shape, strides, part)`; `layout` has a letter per axis of
    /// the whole tensor (`"OIHW"`), or is `"OI..."` or `"...IO"` for any number of kernel axes.
    #[pyo3(signature = (destination, key, layout = None))]
    fn fill(
        &self,
        py: Python<'_>,
        destination: Destination,
        key: u64,
        layout: Option<&str>,
    ) -> PyResult<()> {
        let shape = destination.whole();
        let fill = self.resolve(shape, destination.dtype(), key, layout)?;
        let key = Key::from_bits(key);
        // SAFETY: the destination was taken from a live array by this package's Python, which holds
        // it during this call.
        if let Some(bytes) = unsafe { destination.run(FEW) } {
            return Ok(write_few(&fill, key, &destination, bytes)?);
        }
        py.detach(|| {
            // SAFETY: as above.
            let pieces = unsafe { destination.pieces()? };
            pieces
                .iter()
                .try_for_each(|piece| write(&fill, key, shape, piece))?;
            Ok::<_, Mistake>(())
        })?;
        Ok(())
    }

    /// As [`fill`](Self::fill), under the key that was drawn into the word at an address.
    #[pyo3(signature = (destination, word, layout = None))]
    fn draw(
        &self,
        py: Python<'_>,
        destination: Destination,
        word: usize,
        layout: Option<&str>,
    ) -> PyResult<()> {
        // SAFETY: this package's Python holds the word, an i64 of a live tensor; it has just written
        // it, and nobody else does before this call returns.
        let key = unsafe { (word as *const u64).read_unaligned() };
        self.fill(py, destination, key, layout)
    }

    /// What a tensor's elements are drawn from, for a device that draws them itself; `None` if they
    /// are not drawn one by one.
    #[pyo3(signature = (shape, dtype, key, layout = None))]
    fn drawn(
        &self,
        shape: Vec<usize>,
        dtype: &str,
        key: u64,
        layout: Option<&str>,
    ) -> PyResult<Option<Drawn>> {
        let dtype = dtype.parse().map_err(MemoryMistake::from)?;
        let fill = self.resolve(&shape, dtype, key, layout)?;
        let drawn = Drawn::of(&fill, Key::from_bits(key), &shape, dtype);
        Ok(drawn.map_err(Mistake::from)?)
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((String,), Bound<'py, PyDict>)> {
        let named = PyDict::new(py);
        named.set_item("fans", self.rule()?)?;
        Ok(((self.initializer.to_string(),), named))
    }

    /// Whether they fill every tensor alike.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let other = other.cast::<Self>();
        other.is_ok_and(|other| {
            let other = other.get();
            (&other.initializer, other.fans) == (&self.initializer, self.fans)
        })
    }

    fn __hash__(&self) -> u64 {
        hash(&self.initializer.to_string())
    }

    fn __repr__(&self) -> PyResult<String> {
        let text = self.initializer.to_string();
        Ok(match self.fans == FanRule::default() {
            true => format!("Initializer({text:?})"),
            false => format!("Initializer({text:?}, fans={:?})", self.rule()?),
        })
    }

    fn __str__(&self) -> String {
        self.initializer.to_string()
    }
}

impl Initializer {
    /// The name of its rule for fans.
    fn rule(&self) -> PyResult<String> {
        let name = serde_json::to_value(self.fans).map_err(invalid)?;
        Ok(name.as_str().unwrap_or_default().to_owned())
    }

    fn resolve(
        &self,
        shape: &[usize],
        dtype: DType,
        seed: u64,
        layout: Option<&str>,
    ) -> Result<Fill, Mistake> {
        let mut tensor = Tensor::new("", shape, dtype);
        let spatial = shape.len().checked_sub(2);
        tensor.layout = match (layout, spatial) {
            (None, _) | (Some("OI..." | "...IO"), None) => None,
            (Some("OI..."), Some(spatial)) => Some(Layout::conv(spatial)),
            (Some("...IO"), Some(spatial)) => Some(Layout::channels_last(spatial)),
            (Some(letters), _) => Some(letters.parse()?),
        };
        let context = Context {
            fans: self.fans,
            seed,
            ..Context::default()
        };
        Ok(self.initializer.resolve(&tensor, &context)?.fill)
    }
}

/// The stream's key of a tensor under a seed: what a plan records.
#[pyfunction]
pub(crate) fn key(seed: u64, name: &str) -> u64 {
    Key::new(seed, name).bits()
}

fn invalid(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn table(parameters: &Bound<'_, PyDict>) -> PyResult<Value> {
    let entry = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        Ok((name.extract::<String>()?, parameter(&value)?))
    };
    let entries: PyResult<Map<String, Value>> = parameters.iter().map(entry).collect();
    Ok(entries?.into())
}

/// A parameter as a plan's JSON has it.
fn parameter(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_instance_of::<PyBool>() {
        return Ok(value.extract::<bool>()?.into());
    }
    if let Ok(other) = value.cast::<Initializer>() {
        let text = serde_json::to_value(&other.get().initializer);
        return text.map_err(invalid);
    }
    if let Ok(text) = value.extract::<String>() {
        return Ok(text.into());
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items: PyResult<Vec<Value>> = value.try_iter()?.map(|item| parameter(&item?)).collect();
        return Ok(items?.into());
    }
    if let Ok(whole) = value.extract::<u64>() {
        return Ok(whole.into());
    }
    let number: f64 = value.extract()?;
    let number = serde_json::Number::from_f64(number);
    let number = number.ok_or_else(|| invalid(format!("{value} is no finite number")))?;
    Ok(number.into())
}

/// Writes all of a small tensor, on the calling thread.
fn write_few(
    fill: &Fill,
    key: Key,
    destination: &Destination,
    bytes: &mut [u8],
) -> Result<(), Mistake> {
    let (shape, dtype) = (destination.whole(), destination.dtype());
    // What nearly every call is, without the questions of slices.
    if let (Fill::Draw(distribution), DType::F32) = (fill, dtype) {
        let sampler = Sampler::new(distribution, dtype).map_err(FillError::from)?;
        let elements: &mut [f32] = bytemuck::cast_slice_mut(bytes);
        Stream::from_key(key).fill(&sampler, 0, elements);
        return Ok(());
    }
    let whole = Slice::whole(shape);
    let prepare = || fill.prepare_part(key, shape, dtype, &whole);
    let prepared = match fill.is_matrix() {
        true => threads::on_this(prepare)?,
        false => prepare()?,
    };
    let written = prepared.fill_bytes(&whole, 0, bytes);
    Ok(written.map_err(FillError::from)?)
}

/// Writes one piece of a tensor: small ones at once, large ones on all threads.
fn write(fill: &Fill, key: Key, shape: &[usize], piece: &Piece) -> Result<(), FillError> {
    let Piece { slice, memory } = piece;
    if slice.len() <= CHUNK as u64 && !fill.is_matrix() {
        let prepared = fill.prepare_part(key, shape, memory.dtype(), slice)?;
        let memory = memory.clone().merged();
        return chunk(&prepared, slice, &memory, 0, slice.len() as usize);
    }
    threads::on_all(|| {
        let parts = fill.parts(shape, memory.dtype()).into_iter();
        let mut parts = parts.map(|part| part.intersection(slice));
        parts.try_for_each(|part| {
            let prepared = fill.prepare_part(key, shape, memory.dtype(), &part)?;
            let memory = memory.part(&part.seen_from(slice)).merged();
            let chunks = part.len().div_ceil(CHUNK as u64);
            (0..chunks).into_par_iter().try_for_each(|index| {
                let first = index * CHUNK as u64;
                let len = (part.len() - first).min(CHUNK as u64) as usize;
                chunk(&prepared, &part, &memory, first, len)
            })
        })
    })
}

/// Writes some elements of a part, in place where they lie one after the other.
fn chunk(
    prepared: &Prepared,
    part: &Slice,
    memory: &Memory,
    first: u64,
    len: usize,
) -> Result<(), FillError> {
    // SAFETY: each element belongs to one chunk; the rest is `Destination`'s contract.
    if let Some(bytes) = unsafe { memory.bytes(first, len) } {
        return Ok(prepared.fill_bytes(part, first, bytes)?);
    }
    let bytes = len * memory.dtype().size();
    let mut buffer = vec![0u64; bytes.div_ceil(8)];
    let buffer = &mut bytemuck::cast_slice_mut(&mut buffer)[..bytes];
    prepared.fill_bytes(part, first, buffer)?;
    // SAFETY: as above.
    unsafe { memory.write(first, buffer) };
    Ok(())
}
