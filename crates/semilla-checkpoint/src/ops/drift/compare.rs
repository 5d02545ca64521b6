//! The comparison, a piece at a time.

use std::path::PathBuf;
use std::sync::Mutex;

use semilla::{DType, Line, Slice};

use super::error::DriftError;
use super::outputs::{Applied, Output};
use super::report::{Drift, Reshaped, Spectrum, TensorDrift};
use super::shape::Shape;
use super::spectrum::MOST;
use super::sums::Sums;
use super::units::{by_unit, units};
use crate::ops::Planned;
use crate::ops::inputs::{Inputs, same_place};
use crate::ops::watch::Watch;
use crate::values::{Looks, write_slices};
use crate::{Checkpoint, CheckpointWriter, Error, TensorInfo, Tensors};

/// What a comparison does beside comparing.
#[derive(Default)]
pub struct DriftOptions<'a> {
    /// A file that gets the difference: trained weights less their start.
    pub difference: Option<PathBuf>,
    /// Another start that the difference is added to.
    pub applied: Option<Applied<'a>>,
    /// Lists every unit, not only the range that they are in.
    pub every_unit: bool,
    /// Follows the work, in bytes of the trained file, and ends it early.
    pub watch: Watch<'a>,
}

/// Compares trained weights with their start, which the plan makes again: nothing of it needs to be
/// stored. Both are made and read in pieces, so that files of any size take little memory.
///
/// Starts are rounded to the trained file's element types before they are compared.
///
/// # Errors
/// [`DriftError`]; then nothing was written.
///
/// ```
/// use semilla::{Recipe, model::Spec};
/// use semilla_checkpoint::ops::{DriftOptions, Planned, WritePlan, drift};
/// use semilla_checkpoint::open;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("trained.safetensors");
/// let plan = Recipe::auto().plan(&Spec::parse("mlp:64-32-10:relu")?, 7)?;
/// plan.write(&path).run()?; // Trained for no time at all.
/// let planned = Planned::new(plan, None, Vec::new());
/// let found = drift(&planned, &*open(&path)?, &DriftOptions::default())?;
/// assert!(found.tensors.iter().all(|tensor| tensor.is_unmoved()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn drift(
    planned: &Planned<'_>,
    trained: &dyn Checkpoint,
    options: &DriftOptions<'_>,
) -> Result<Drift, DriftError> {
    let mut found = Drift {
        tensors: Vec::new(),
        missing: Vec::new(),
        added: Vec::new(),
        reshaped: Vec::new(),
    };
    let mut common = Vec::new();
    for (position, line) in planned.plan.tensors.iter().enumerate() {
        match trained.tensors().index_of(&line.name) {
            None => found.missing.push(line.name.clone()),
            Some(place) if trained.tensors()[place].shape() != line.shape => {
                found.reshaped.push(Reshaped {
                    name: line.name.clone(),
                    start: line.shape.clone(),
                    trained: trained.tensors()[place].shape().to_vec(),
                });
            }
            Some(place) => common.push((position, place)),
        }
    }
    let only_trained = trained.tensors().iter().map(TensorInfo::name);
    found.added = only_trained
        .filter(|name| planned.plan.line(name).is_none())
        .map(str::to_owned)
        .collect();
    if common.is_empty() {
        return Err(DriftError::NothingInCommon {
            planned: planned.plan.tensors.len(),
            example: found.missing.first().cloned().unwrap_or_default(),
        });
    }
    let outputs = outputs(planned, trained, &common, options)?;
    for &(position, place) in &common {
        let tensor = Tensor {
            position,
            place,
            planned,
            trained,
            outputs: &outputs,
        };
        found.tensors.push(tensor.compared(options)?);
    }
    for output in outputs {
        output.finish()?;
    }
    Ok(found)
}

/// The files that are written beside.
fn outputs<'a>(
    planned: &Planned<'_>,
    trained: &dyn Checkpoint,
    common: &[(usize, usize)],
    options: &DriftOptions<'a>,
) -> Result<Vec<Output<'a>>, DriftError> {
    let sources = planned.sources();
    let files = sources.pretrained.iter().map(|file| &**file);
    let files = files.chain(sources.own).chain([trained]);
    let files = files.chain(options.applied.as_ref().map(|applied| applied.onto));
    let inputs = files.fold(Inputs::new(), Inputs::checkpoint);
    let infos = common.iter().map(|&(_, place)| &trained.tensors()[place]);
    let infos: Vec<&TensorInfo> = infos.filter(|info| info.dtype().is_float()).collect();
    if let (Some(path), Some(applied)) = (&options.difference, &options.applied)
        && same_place(path, &applied.path)
    {
        return Err(DriftError::Twice(path.clone()));
    }
    let mut outputs = Vec::new();
    if let Some(path) = &options.difference {
        outputs.push(Output::difference(path, &infos, &inputs)?);
    }
    if let Some(applied) = &options.applied {
        outputs.push(Output::applied(applied, &infos, &inputs, options.watch)?);
    }
    Ok(outputs)
}

/// A tensor of the plan and of the trained file.
struct Tensor<'a> {
    position: usize,
    place: usize,
    planned: &'a Planned<'a>,
    trained: &'a dyn Checkpoint,
    outputs: &'a [Output<'a>],
}

impl Tensor<'_> {
    fn line(&self) -> &Line {
        &self.planned.plan.tensors[self.position]
    }

    fn compared(&self, options: &DriftOptions<'_>) -> Result<TensorDrift, DriftError> {
        let line = self.line();
        let shape = Shape::of(line);
        let sink = Sink::new(self, shape)?;
        let Watch { progress, stop } = options.watch;
        let whole = [(self.position, Slice::whole(&line.shape))];
        let (plan, sources) = (&self.planned.plan, self.planned.sources());
        write_slices(plan, whole, sources, &sink, Looks::AtLoaded, progress, stop)?;
        let mut seen = sink.seen.into_inner().unwrap_or_else(|e| e.into_inner());
        // In the order of the elements, however threads came to them.
        seen.pieces.sort_by_key(|&(first, _)| first);
        let mut sums = Sums::default();
        seen.pieces.iter().for_each(|(_, piece)| sums.add(piece));
        let relations = sums.relations();
        let units = shape.map(|shape| units(shape, &seen.units, options.every_unit));
        let is_spread = sums.not_finite == 0 && !sums.is_unmoved();
        let spectrum = shape.filter(|_| is_spread).and_then(|shape| {
            let rows = seen.sample.len() / shape.columns;
            Spectrum::of(&seen.sample, rows, shape.columns, digits(self.dtype()))
        });
        Ok(TensorDrift {
            name: line.name.clone(),
            shape: line.shape.clone(),
            elements: sums.elements,
            unmoved: sums.unmoved,
            not_finite: sums.not_finite,
            start_norm: sums.start.sqrt(),
            distance: finite(sums.difference.sqrt()),
            moved: relations.moved,
            norm_ratio: relations.norm_ratio,
            cosine: relations.cosine,
            largest: finite(sums.largest),
            units,
            spectrum,
        })
    }

    fn dtype(&self) -> DType {
        self.trained.tensors()[self.place].dtype()
    }
}

/// Distances that are not finite have been counted.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// The binary digits of a float's significand.
fn digits(dtype: DType) -> i32 {
    match dtype {
        DType::F64 => 53,
        DType::F16 => 11,
        DType::BF16 => 8,
        DType::F8E4M3 => 4,
        DType::F8E5M2 => 3,
        _ => 24,
    }
}

/// Elements before and after training, and whether each kept its bits.
struct Values {
    before: Vec<f64>,
    trained: Vec<f64>,
    is_same: Vec<bool>,
}

/// Takes the start of one tensor in pieces, and sets the trained values beside them.
struct Sink<'a> {
    tensor: &'a Tensor<'a>,
    tensors: Tensors,
    shape: Option<Shape>,
    /// Of a large matrix, every so many rows are kept.
    step: usize,
    seen: Mutex<Seen>,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    /// The sums of each piece, by its first element.
    pieces: Vec<(u64, Sums)>,
    units: Vec<Sums>,
    /// The difference, or some rows of it.
    sample: Vec<f64>,
}

impl<'a> Sink<'a> {
    fn new(tensor: &'a Tensor<'a>, shape: Option<Shape>) -> Result<Self, DriftError> {
        let line = tensor.line();
        let info = TensorInfo::new(&*line.name, line.dtype, &*line.shape);
        let info = info.map_err(crate::Malformed::from)?;
        let (mut step, mut seen) = (1, Seen::default());
        if let Some(shape) = shape {
            let rows = info.elements() as usize / shape.columns;
            step = rows.div_ceil((MOST / shape.columns).max(1));
            seen.units = vec![Sums::default(); shape.units];
            // A matrix of too few rows of its kind says nothing.
            if tensor.dtype().is_float() && 2 * shape.columns <= MOST {
                seen.sample = vec![0.0; rows.div_ceil(step) * shape.columns];
            }
        }
        Ok(Self {
            tensor,
            tensors: Tensors::new(vec![info])?,
            shape,
            step,
            seen: Mutex::new(seen),
        })
    }

    /// The values of a piece's start, as the trained file would hold them, and of the trained
    /// tensor; and whether each has the same bits.
    fn values(&self, first: u64, start: &[u8]) -> Result<Values, Error> {
        let (own, other) = (self.tensors[0].dtype(), self.tensor.dtype());
        let count = start.len() / own.size();
        let mut bytes = vec![0; count * other.size()];
        let offset = first * other.size() as u64;
        self.tensor
            .trained
            .read(self.tensor.place, offset, &mut bytes)?;
        let decode = |dtype: DType, bytes: &[u8]| {
            let mut values = Vec::with_capacity(count);
            dtype.decode(bytes, &mut values);
            values
        };
        let mut before = decode(own, start);
        let trained = decode(other, &bytes);
        let rounded = match own == other {
            true => Some(start.to_vec()),
            false => other.encode(&before),
        };
        let is_same = match rounded {
            Some(rounded) => {
                before = decode(other, &rounded);
                let pairs = rounded
                    .chunks_exact(other.size())
                    .zip(bytes.chunks_exact(other.size()));
                pairs.map(|(a, b)| a == b).collect()
            }
            None => before.iter().zip(&trained).map(|(a, b)| a == b).collect(),
        };
        Ok(Values {
            before,
            trained,
            is_same,
        })
    }
}

impl CheckpointWriter for Sink<'_> {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn write(&self, _: usize, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let first = offset / self.tensors[0].dtype().size() as u64;
        let Values {
            before: start,
            trained,
            is_same: same,
        } = self.values(first, bytes)?;
        let difference: Vec<f64> = trained.iter().zip(&start).map(|(t, s)| t - s).collect();
        for output in self.tensor.outputs {
            output.write(self.tensors[0].name(), first, &difference)?;
        }
        let at = first as usize;
        let all = Sums::of(&start, &trained, &same);
        let units = self
            .shape
            .map(|shape| by_unit(shape, at, &start, &trained, &same));
        let mut seen = self.seen.lock().unwrap_or_else(|e| e.into_inner());
        seen.pieces.push((first, all));
        for (unit, sums) in units.into_iter().flatten() {
            seen.units[unit].add(&sums);
        }
        if let Some(shape) = self.shape.filter(|_| !seen.sample.is_empty()) {
            let mut from = 0;
            while from < difference.len() {
                let (row, column) = ((at + from) / shape.columns, (at + from) % shape.columns);
                let len = (shape.columns - column).min(difference.len() - from);
                if row % self.step == 0 {
                    let to = row / self.step * shape.columns + column;
                    seen.sample[to..to + len].copy_from_slice(&difference[from..from + len]);
                }
                from += len;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }
}
