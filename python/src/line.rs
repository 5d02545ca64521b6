//! One tensor's line of a plan.

use pyo3::prelude::*;

use crate::errors::raised;
use crate::hashed::hash;

/// One tensor's line of a plan: its values, and why.
#[pyclass(frozen, module = "semilla")]
pub(crate) struct Line {
    line: semilla::Line,
}

impl From<&semilla::Line> for Line {
    fn from(line: &semilla::Line) -> Self {
        Self { line: line.clone() }
    }
}

#[pymethods]
impl Line {
    /// The tensor's name.
    #[getter]
    fn name(&self) -> &str {
        &self.line.name
    }

    /// Its shape.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        pyo3::types::PyTuple::new(py, &self.line.shape)
    }

    /// Its element type, such as `f32`.
    #[getter]
    fn dtype(&self) -> String {
        self.line.dtype.to_string()
    }

    /// The part that it plays, such as `conv`.
    #[getter]
    fn role(&self) -> &str {
        self.line.role.name()
    }

    /// The meaning of its axes, such as `OIHW`, where it is known.
    #[getter]
    fn layout(&self) -> Option<String> {
        self.line.layout.as_ref().map(ToString::to_string)
    }

    /// Where its values come from: `filled`, `copied`, `tied to ...`, `kept`.
    #[getter]
    fn disposition(&self) -> String {
        self.line.disposition.to_string()
    }

    /// The initializer that was chosen.
    #[getter]
    fn initializer(&self) -> String {
        self.line.initializer.to_string()
    }

    /// The concrete distribution, such as `N(0, 0.02)`.
    #[getter]
    fn values(&self) -> String {
        self.line.values()
    }

    /// The standard deviation of the elements, where one describes them all.
    #[getter]
    fn std(&self) -> Option<f64> {
        self.line.std
    }

    /// The gain that the initializer used.
    #[getter]
    fn gain(&self) -> Option<f64> {
        self.line.gain
    }

    /// The fans that the initializer used.
    #[getter]
    fn fans(&self) -> Option<(f64, f64)> {
        self.line.fans.map(|fans| (fans.fan_in, fans.fan_out))
    }

    /// The factor by which the model must multiply what the layer makes, where the scheme asks for
    /// one.
    #[getter]
    fn multiplier(&self) -> Option<f64> {
        self.line.multiplier
    }

    /// The reason, in words.
    #[getter]
    fn reason(&self) -> &str {
        &self.line.reason
    }

    /// The line as plans in JSON have it.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.line).map_err(raised)
    }

    /// A line of its JSON.
    #[staticmethod]
    fn of_json(json: &str) -> PyResult<Self> {
        let line = serde_json::from_str(json).map_err(raised)?;
        Ok(Self { line })
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<(Py<PyAny>, (String,))> {
        let make = slf.get_type().getattr("of_json")?;
        Ok((make.unbind(), (slf.get().to_json()?,)))
    }

    /// Whether all that they say is the same.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let other = other.cast::<Self>();
        other.is_ok_and(|other| other.get().line == self.line)
    }

    fn __hash__(&self) -> u64 {
        hash(&(&self.line.name, self.line.key.bits()))
    }

    fn __str__(&self) -> String {
        self.line.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Line {}>", self.line)
    }
}
