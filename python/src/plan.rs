//! Plans: what every tensor gets, and why.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use semilla::lint::{Finding, lint};
use semilla::scheme::Optimizer;
use semilla::{Disposition, Fill, Slice};
use semilla_checkpoint::ByteSize;
use semilla_checkpoint::ops::{Described, Planned, parse_plan, rehearse, reopen, replay};

use crate::drawn::Drawn;
use crate::errors::raised;
use crate::hashed::hash;
use crate::line::Line;
use crate::memory::{Destination, HeldPart, held};
use crate::threads;
use crate::write::write;

/// The values that every tensor of a model gets, and why.
#[pyclass(frozen, module = "semilla")]
pub(crate) struct Plan {
    planned: Planned<'static>,
    /// What is known of the model; nothing for a plan that was read.
    described: Option<Arc<Described>>,
}

impl Plan {
    pub(crate) fn new(planned: Planned<'static>, described: Option<Arc<Described>>) -> Self {
        Self { planned, described }
    }

    /// Its likely mistakes, as far as the model is known.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let of_model = |described: &Arc<Described>| {
            let graph = described.graph().ok();
            lint(self.plan(), &described.model, graph.as_deref())
        };
        self.described.as_ref().map_or_else(Vec::new, of_model)
    }

    pub(crate) fn plan(&self) -> &semilla::Plan {
        &self.planned.plan
    }
}

#[pymethods]
impl Plan {
    /// A saved plan, with the files that it reads.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let planned = py.detach(|| replay(&path, None)).map_err(raised)?;
        Ok(Self::new(planned, None))
    }

    /// A plan of its JSON, with the files that it reads.
    #[staticmethod]
    fn of_json(py: Python<'_>, json: &str) -> PyResult<Self> {
        let opened = py.detach(|| reopen(parse_plan(Path::new("the text"), json)?, None));
        Ok(Self::new(opened.map_err(raised)?, None))
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<(Py<PyAny>, (String,))> {
        let json = serde_json::to_string(slf.get().plan()).map_err(raised)?;
        let make = slf.get_type().getattr("of_json")?;
        Ok((make.unbind(), (json,)))
    }

    /// Itself: a plan does not change.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Itself: a plan does not change.
    #[pyo3(signature = (_memo, /))]
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    /// Whether all that they say is the same.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let other = other.cast::<Self>();
        other.is_ok_and(|other| other.get().plan() == self.plan())
    }

    fn __hash__(&self) -> u64 {
        let plan = self.plan();
        let keys = plan
            .tensors
            .iter()
            .map(|line| (&line.name, line.key.bits()));
        hash(&(&plan.recipe, plan.seed, keys.collect::<Vec<_>>()))
    }

    /// The recipe that decided.
    #[getter]
    fn recipe(&self) -> &str {
        &self.plan().recipe
    }

    /// The seed of every weight.
    #[getter]
    fn seed(&self) -> u64 {
        self.plan().seed
    }

    /// The tensors' names, in the model's order.
    #[getter]
    fn names(&self) -> Vec<&str> {
        let lines = self.plan().tensors.iter();
        lines.map(|line| &*line.name).collect()
    }

    /// A line for each tensor, in the model's order.
    #[getter]
    fn lines(&self) -> Vec<Line> {
        self.plan().tensors.iter().map(Line::from).collect()
    }

    /// The places and names of the tensors that get values of their own: not those that keep
    /// theirs, and not those that are tied to others.
    #[getter]
    fn filled(&self) -> Vec<(usize, &str)> {
        let lines = self.plan().tensors.iter().enumerate().filter(|(_, line)| {
            line.fill != Fill::Keep && !matches!(line.disposition, Disposition::Tied { .. })
        });
        lines.map(|(place, line)| (place, &*line.name)).collect()
    }

    /// Whether any tensor takes something from a checkpoint.
    #[getter]
    fn loads(&self) -> bool {
        let mut lines = self.plan().tensors.iter();
        lines.any(|line| !line.loads().is_empty())
    }

    /// Reads everything that tensors, or the parts of them that are held, take from checkpoints, and
    /// keeps nothing: an error here leaves all as it was.
    fn rehearse(&self, py: Python<'_>, parts: Vec<(usize, Option<HeldPart>)>) -> PyResult<()> {
        let plan = self.plan();
        let slices = parts.iter().flat_map(|(place, part)| {
            // A place that is not there is told below.
            let shape = plan.tensors.get(*place).map_or(&[][..], |line| &line.shape);
            let boxes = held(shape, part.as_ref()).into_iter();
            boxes.map(|slice| (*place, slice))
        });
        let slices: Vec<(usize, Slice)> = slices.collect();
        let sources = self.planned.sources();
        let rehearsed = py.detach(|| threads::on_all(|| rehearse(plan, sources, slices)));
        rehearsed.map_err(raised)
    }

    /// Writes tensors, or the parts of them that the destinations hold, by their places. What was
    /// rehearsed is not looked at again.
    #[pyo3(signature = (destinations, rehearsed=false))]
    fn fill(
        &self,
        py: Python<'_>,
        destinations: Vec<(usize, Destination)>,
        rehearsed: bool,
    ) -> PyResult<()> {
        let (plan, sources) = (self.plan(), self.planned.sources());
        // SAFETY: this package's Python takes destinations from live tensors and holds them during
        // the call.
        py.detach(|| unsafe { write(plan, sources, &destinations, rehearsed) })?;
        Ok(())
    }

    /// What the tensor at a place is drawn from, for a device that draws it itself; `None` if its
    /// elements are not drawn one by one.
    fn drawn(&self, place: usize) -> Option<Drawn> {
        let line = self.plan().tensors.get(place)?;
        // An error is met again, and told, when the tensor is filled.
        Drawn::of(&line.fill, line.key, &line.shape, line.dtype).ok()?
    }

    fn __len__(&self) -> usize {
        self.plan().tensors.len()
    }

    fn __contains__(&self, name: &str) -> bool {
        self.plan().line(name).is_some()
    }

    fn __getitem__(&self, name: &str) -> PyResult<Line> {
        let line = self.plan().line(name);
        let unknown = || PyKeyError::new_err(format!("the plan has no tensor {name:?}"));
        line.map(Line::from).ok_or_else(unknown)
    }

    /// A tensor, or the box of it at `offset` of these sizes: little-endian bytes, row-major.
    #[pyo3(signature = (name, offset=None, size=None))]
    fn tensor<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        offset: Option<Vec<usize>>,
        size: Option<Vec<usize>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = match (offset, size) {
            (None, None) => py.detach(|| self.planned.tensor(name)),
            (Some(offset), Some(size)) => {
                py.detach(|| self.planned.slice(name, &Slice::new(offset, size)))
            }
            _ => {
                let text = "a part of a tensor needs both its offset and its size";
                return Err(PyValueError::new_err(text));
            }
        };
        Ok(PyBytes::new(py, &bytes.map_err(raised)?))
    }

    /// Writes the weights to safetensors, and returns the files' names.
    #[pyo3(signature = (path, max_shard_size=None, allow_non_finite=false))]
    fn write(
        &self,
        py: Python<'_>,
        path: PathBuf,
        max_shard_size: Option<&str>,
        allow_non_finite: bool,
    ) -> PyResult<Vec<PathBuf>> {
        let size = max_shard_size.map(str::parse::<ByteSize>).transpose();
        let size = size.map_err(raised)?;
        let written = py.detach(|| {
            let write = self.planned.write(&path).allow_non_finite(allow_non_finite);
            match size {
                Some(size) => write.max_shard_size(size).run(),
                None => write.run(),
            }
        });
        Ok(written.map_err(raised)?.files)
    }

    /// The likely mistakes of the plan: rule, severity, tensors, reason, remedy.
    fn lint(&self, py: Python<'_>) -> Vec<(&'static str, String, Vec<String>, String, String)> {
        let found = py.detach(|| self.findings());
        let fields = |one: Finding| {
            let severity = one.severity.to_string();
            (
                one.rule.name(),
                severity,
                one.tensors,
                one.reason,
                one.remedy,
            )
        };
        found.into_iter().map(fields).collect()
    }

    /// The names of tensors that an optimizer (`adam` or `sgd`) treats alike, each group with its
    /// factors on the learning rate and on the weight decay.
    fn groups(&self, optimizer: &str) -> PyResult<Vec<(f64, f64, Vec<String>)>> {
        let optimizer = match optimizer {
            "adam" => Optimizer::Adam,
            "sgd" => Optimizer::Sgd,
            _ => {
                let text = format!("unknown optimizer {optimizer:?}; use \"adam\" or \"sgd\"");
                return Err(PyValueError::new_err(text));
            }
        };
        let groups = self.plan().optimizer_groups(optimizer).into_iter();
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Ok(groups
            .map(|group| (group.lr, group.weight_decay, owned(group.tensors)))
            .collect())
    }

    /// The plan as JSON, as `semilla plan --json` prints it.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string_pretty(self.plan()).map_err(raised)
    }

    /// The plan as a table, as `semilla plan` prints it, for a place of this many columns.
    #[pyo3(signature = (width=None))]
    fn table(&self, width: Option<usize>) -> String {
        semilla_cli::table(self.plan(), width)
    }

    fn __str__(&self) -> String {
        self.table(None)
    }

    fn __repr__(&self) -> String {
        let plan = self.plan();
        let count = plan.tensors.len();
        format!(
            "<Plan of {count} tensors: recipe {}, seed {}>",
            plan.recipe, plan.seed
        )
    }
}
