//! Runs of live modules: what was recorded, and what it shows.

use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use semilla::graph::{Initializer, Node, Value};
use semilla::{DType, Graph};
use semilla_cli::{LiveCheck, LivePlan, LiveTheory};
use semilla_signal::{Array, Datum, Measurement, Recorded, main_path};

use crate::errors::raised;
use crate::memory::Destination;
use crate::plan::Plan;
use crate::threads;

/// What a module did, step by step.
#[pyclass(frozen, module = "semilla")]
pub(crate) struct Run {
    graph: Graph,
    inputs: Vec<String>,
    steps: Vec<(Vec<String>, Vec<String>)>,
}

/// A step: its operator, the values that it takes, those that it makes.
type Step = (String, Vec<String>, Vec<String>);

#[pymethods]
impl Run {
    /// `signals` are the values that depend on the data, `inputs` those of them that enter;
    /// `weights` have the names that steps take them by.
    #[new]
    fn new(
        inputs: Vec<String>,
        weights: Vec<(String, Vec<usize>)>,
        steps: Vec<Step>,
        signals: std::collections::HashSet<String>,
        output: String,
    ) -> Self {
        let mut graph = Graph::new();
        let main = &mut graph.bodies_mut()[0];
        let value = |name: &String| Value {
            name: name.clone(),
            ..Value::default()
        };
        main.inputs = inputs.iter().map(value).collect();
        main.outputs = vec![value(&output)];
        main.initializers = (weights.into_iter())
            .map(|(name, shape)| Initializer {
                tensor: Some(name.clone()),
                ..Initializer::new(name, DType::F32, shape)
            })
            .collect();
        main.nodes = (steps.iter())
            .map(|(operator, taken, made)| Node::new(operator, &borrowed(taken), &borrowed(made)))
            .collect();
        let kept = |names: Vec<String>| -> Vec<String> {
            let names = names.into_iter();
            names.filter(|name| signals.contains(name)).collect()
        };
        let steps = steps.into_iter();
        let steps = steps.map(|(_, taken, made)| (kept(taken), kept(made)));
        Self {
            inputs: kept(inputs),
            steps: steps.collect(),
            graph,
        }
    }

    /// The values of the main path, each with the place of the last layer before it; layers are
    /// given by their steps.
    fn path(&self, layers: Vec<usize>, output: &str) -> Vec<(&str, usize)> {
        let steps: Vec<(Vec<&str>, Vec<&str>)> = (self.steps.iter())
            .map(|(taken, made)| (borrowed(taken), borrowed(made)))
            .collect();
        let found = main_path(&borrowed(&self.inputs), &steps, &layers, output);
        // The answer borrows from this run, not from the name that was asked for.
        let own = |name: &str| {
            let made = self.steps.iter().flat_map(|(_, made)| made);
            made.map(String::as_str).find(|own| *own == name)
        };
        let found = found.into_iter();
        found
            .filter_map(|(name, place)| Some((own(name)?, place)))
            .collect()
    }
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The arrays of a layer, or of a point of the main path: the weight's name, what was made, what
/// the activation made of that, the gradient, the gradient of the weight.
type Arrays = (
    String,
    Destination,
    Option<Destination>,
    Option<Destination>,
    Option<Destination>,
);

/// What one run shows.
#[pyclass(frozen, module = "semilla")]
pub(crate) struct Measured {
    pub(crate) measurement: Measurement,
}

#[pymethods]
impl Measured {
    /// Measures arrays (f32, contiguous) in the order in which they were made.
    #[new]
    fn new(py: Python<'_>, layers: Vec<Arrays>, path: Vec<Arrays>) -> PyResult<Self> {
        let layers: Vec<Recorded> = layers.into_iter().map(recorded).collect::<PyResult<_>>()?;
        let path: Vec<Recorded> = path.into_iter().map(recorded).collect::<PyResult<_>>()?;
        let measure = || threads::on_all(|| Measurement::recorded(&layers, &path));
        Ok(Self {
            measurement: py.detach(measure),
        })
    }
}

fn recorded((weight, output, activated, gradient, weight_gradient): Arrays) -> PyResult<Recorded> {
    let output = array(output)?;
    let gradient = gradient.map(array).transpose()?;
    if (gradient.as_ref()).is_some_and(|gradient| gradient.shape() != output.shape()) {
        let text = format!("{weight}: a gradient has its output's shape");
        return Err(PyValueError::new_err(text));
    }
    Ok(Recorded {
        weight,
        output,
        activated: activated.map(array).transpose()?,
        gradient,
        weight_gradient: weight_gradient.map(array).transpose()?,
    })
}

fn array(mut memory: Destination) -> PyResult<Array<f32>> {
    if memory.dtype() != DType::F32 {
        return Err(PyTypeError::new_err("recorded arrays must be f32"));
    }
    let shape = memory.whole().to_vec();
    // SAFETY: this package's Python takes the array from a live tensor and holds it during the
    // call.
    let values = bytemuck::pod_collect_to_vec(unsafe { memory.bytes()? });
    let wrong = || PyValueError::new_err("an array's shape is too large");
    Array::new(shape, values).ok_or_else(wrong)
}

/// What theory expects of a module.
#[pyclass(module = "semilla")]
pub(crate) struct Theory {
    /// Until a check takes it.
    theory: Option<LiveTheory>,
}

#[pymethods]
impl Theory {
    /// By the module's ONNX export with its weights, and arrays (contiguous) for the export's
    /// inputs in their order.
    #[staticmethod]
    fn of_export(py: Python<'_>, path: PathBuf, inputs: Vec<Destination>) -> PyResult<Self> {
        let inputs: Vec<Datum<f32>> = inputs.into_iter().map(datum).collect::<PyResult<_>>()?;
        let found = py.detach(|| threads::on_all(|| LiveTheory::of_export(&path, inputs)));
        let theory = Some(found.map_err(PyValueError::new_err)?);
        Ok(Self { theory })
    }

    /// Nothing, and why.
    #[staticmethod]
    fn none(why: String) -> Self {
        let theory = Some(LiveTheory::none(why));
        Self { theory }
    }
}

fn datum(mut memory: Destination) -> PyResult<Datum<f32>> {
    let (dtype, shape) = (memory.dtype(), memory.whole().to_vec());
    // SAFETY: as for `array`.
    let decoded = Datum::decode(dtype, &shape, unsafe { memory.bytes()? });
    decoded.ok_or_else(|| PyTypeError::new_err(format!("inputs of {dtype} are not known")))
}

/// What was measured, and the verdict, as the command `check` shows it.
#[pyclass(frozen, module = "semilla")]
pub(crate) struct Checked {
    checked: LiveCheck,
}

#[pymethods]
impl Checked {
    /// The verdict on runs of so many samples; `planned` are the plans of their weights.
    #[new]
    #[pyo3(signature = (measured, samples, theory, planned=None))]
    fn new(
        measured: Vec<PyRef<'_, Measured>>,
        samples: usize,
        mut theory: PyRefMut<'_, Theory>,
        planned: Option<Vec<PyRef<'_, Plan>>>,
    ) -> PyResult<Self> {
        let taken = || PyValueError::new_err("another check took this theory");
        let theory = theory.theory.take().ok_or_else(taken)?;
        let measurements = measured.iter().map(|run| run.measurement.clone()).collect();
        let planned = planned.and_then(|plans| {
            let first = plans.first()?;
            Some(LivePlan {
                plan: first.plan().clone(),
                seeds: plans.iter().map(|plan| plan.plan().seed).collect(),
                lint: first.findings(),
            })
        });
        Ok(Self {
            checked: LiveCheck::new(measurements, samples, planned, theory),
        })
    }

    /// Whether it will train, as far as signals tell.
    #[getter]
    fn passes(&self) -> bool {
        self.checked.verdict().passes
    }

    /// The verdict in one sentence.
    #[getter]
    fn sentence(&self) -> &str {
        &self.checked.verdict().sentence
    }

    /// What the command prints, for a place of this many columns; all layers if `full`.
    #[pyo3(signature = (width=None, full=false))]
    fn table(&self, width: Option<usize>, full: bool) -> String {
        self.checked.table(width, full)
    }

    /// As `semilla check --json` prints it.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string_pretty(&self.checked).map_err(raised)
    }

    /// The page of `semilla check --html`.
    fn page(&self, py: Python<'_>, model: &str, run: &Run) -> String {
        py.detach(|| self.checked.page(model, &run.graph))
    }
}
