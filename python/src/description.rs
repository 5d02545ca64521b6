//! Models, as Python describes them.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use semilla::model::Convention;
use semilla::{DType, Tie, Transfer};
use semilla_checkpoint::ops::{DescribeOptions, Described, Planner, describe, describe_shapes};

use crate::errors::{exception, raised};
use crate::hashed::hash;
use crate::plan::Plan;
use crate::recipe::recipe;
use crate::recommendation::{Recommendation, recommend};

/// The tensors of a model, and what is known of them.
#[pyclass(frozen, module = "semilla")]
pub(crate) struct Description {
    described: Arc<Described>,
    origin: Origin,
}

/// What a description was made of: enough to make it again.
enum Origin {
    Shapes {
        json: String,
        config: Option<String>,
        layout: Option<String>,
    },
    File {
        model: String,
        layout: Option<String>,
        dtype: Option<String>,
        config: Option<PathBuf>,
    },
}

#[pymethods]
impl Description {
    /// The model of a list of shapes in JSON, as a live model writes it of itself.
    #[staticmethod]
    #[pyo3(signature = (json, config=None, layout=None))]
    fn of_shapes(
        py: Python<'_>,
        json: &str,
        config: Option<&str>,
        layout: Option<&str>,
    ) -> PyResult<Self> {
        let convention = layout.map(convention).transpose()?;
        let described = py.detach(|| describe_shapes(json, config, convention));
        Ok(Self {
            described: Arc::new(described.map_err(raised)?),
            origin: Origin::Shapes {
                json: json.to_owned(),
                config: config.map(str::to_owned),
                layout: layout.map(str::to_owned),
            },
        })
    }

    /// The model of a file, a folder, a `config.json` or a network, as the command reads it.
    #[staticmethod]
    #[pyo3(signature = (model, layout=None, dtype=None, config=None))]
    fn read(
        py: Python<'_>,
        model: &str,
        layout: Option<&str>,
        dtype: Option<&str>,
        config: Option<PathBuf>,
    ) -> PyResult<Self> {
        let options = DescribeOptions {
            convention: layout.map(convention).transpose()?,
            dtype: dtype.map(str::parse::<DType>).transpose().map_err(raised)?,
            config: config.clone(),
            ..DescribeOptions::default()
        };
        let described = py.detach(|| describe(model, options));
        Ok(Self {
            described: Arc::new(described.map_err(raised)?),
            origin: Origin::File {
                model: model.to_owned(),
                layout: layout.map(str::to_owned),
                dtype: dtype.map(str::to_owned),
                config,
            },
        })
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let (py, kind) = (slf.py(), slf.get_type());
        Ok(match &slf.get().origin {
            Origin::Shapes {
                json,
                config,
                layout,
            } => (
                kind.getattr("of_shapes")?,
                (json, config, layout).into_pyobject(py)?,
            ),
            Origin::File {
                model,
                layout,
                dtype,
                config,
            } => (
                kind.getattr("read")?,
                (model, layout, dtype, config).into_pyobject(py)?,
            ),
        })
    }

    /// Itself: a description does not change.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Itself: a description does not change.
    #[pyo3(signature = (_memo, /))]
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    /// Whether the tensors are the same, and what is known of them.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let other = other.cast::<Self>();
        other.is_ok_and(|other| other.get().described.model == self.described.model)
    }

    fn __hash__(&self) -> u64 {
        let tensors = self.described.model.tensors.iter();
        let shapes = tensors.map(|tensor| (&tensor.name, &tensor.shape));
        hash(&shapes.collect::<Vec<_>>())
    }

    fn __repr__(&self) -> String {
        let count = self.described.model.tensors.len();
        let source = match &self.origin {
            Origin::Shapes { .. } => "of shapes",
            Origin::File { model, .. } => model,
        };
        format!("<Description of {count} tensors: {source}>")
    }

    /// The tensors' names, in order.
    #[getter]
    fn names(&self) -> Vec<&str> {
        let tensors = self.described.model.tensors.iter();
        tensors.map(|tensor| &*tensor.name).collect()
    }

    /// The plan of the model: `rules` and `source` are JSON, as recipes have `[[rule]]` and
    /// `[[pretrained]]`.
    #[pyo3(signature = (
        recipe=None, seed=0, *, scheme=None, rules=None, strict=false, ties=Vec::new(), source=None,
        source_layout=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn plan(
        &self,
        py: Python<'_>,
        recipe: Option<&str>,
        seed: u64,
        scheme: Option<&str>,
        rules: Option<&str>,
        strict: bool,
        ties: Vec<(String, String)>,
        source: Option<&str>,
        source_layout: Option<&str>,
    ) -> PyResult<Plan> {
        let source = source.map(transfer).transpose()?;
        let convention = source_layout.map(convention).transpose()?;
        if recipe == Some("transformers")
            && let Some(error) = &self.described.config_error
            && self.described.starts().next().is_none()
        {
            return Err(exception(error));
        }
        py.detach(|| {
            let mut planner = Planner::new(&self.described)
                .recipe(self::recipe(&self.described, recipe, scheme, rules)?)
                .ties(ties.into_iter().map(Tie::from))
                .strict(strict)
                .seed(seed);
            if let Some(source) = source {
                planner = planner.from(source);
            }
            if let Some(convention) = convention {
                planner = planner.from_convention(convention);
            }
            let planned = planner.plan().map_err(raised)?;
            Ok(Plan::new(planned.apart(), Some(self.described.clone())))
        })
    }

    /// Which first weights suit the model: `measure` runs it with the weights of a plan.
    fn recommend(
        &self,
        seeds: Vec<u64>,
        ties: Vec<(String, String)>,
        measure: &Bound<'_, PyAny>,
    ) -> PyResult<Recommendation> {
        recommend(&self.described, &seeds, &ties, measure)
    }
}

/// The rules for a checkpoint.
fn transfer(json: &str) -> PyResult<Transfer> {
    let read = serde_json::from_str(json);
    read.map_err(|error| {
        PyValueError::new_err(format!("cannot read the rules of the source: {error}"))
    })
}

fn convention(name: &str) -> PyResult<Convention> {
    match name {
        "pytorch" => Ok(Convention::Pytorch),
        "keras" => Ok(Convention::Keras),
        "jax" => Ok(Convention::Jax),
        _ => Err(PyValueError::new_err(format!(
            "unknown layout {name:?}; use \"pytorch\", \"keras\" or \"jax\""
        ))),
    }
}
