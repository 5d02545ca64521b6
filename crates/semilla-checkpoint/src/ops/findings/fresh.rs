//! Matrices that look as an initializer left them.

use semilla::Tensor;
use semilla::inspect::{Collector, Match};

use super::loaded::Loaded;
use super::note::Note;
use crate::Error;
use crate::ops::origin::{LEAST_SAMPLE, origin};

/// The elements, from the first on, that are compared with initializers: a MiB of floats.
const SAMPLE: u64 = 1 << 18;

/// Whether the first values of a matrix are those of an initializer.
pub(super) fn fresh(loaded: &Loaded<'_>) -> Result<Option<Note>, Error> {
    if !is_judged(loaded) {
        return Ok(None);
    }
    let (line, (file, place)) = (loaded.line, loaded.from);
    let info = &file.tensors()[place];
    let taken = SAMPLE.min(info.elements());
    let mut bytes = vec![0; taken as usize * info.dtype().size()];
    file.read(place, 0, &mut bytes)?;
    let mut values = Vec::with_capacity(taken as usize);
    info.dtype().decode(&bytes, &mut values);
    let mut collector = Collector::new(taken);
    collector.push(&values);
    let tensor = Tensor {
        role: line.role,
        layout: line.layout.clone(),
        ..Tensor::new(line.name.as_str(), line.shape.clone(), info.dtype())
    };
    let found = origin((&values, info.shape()), &collector, &tensor);
    Ok(found.map(|Match { name, p }| Note::Fresh {
        initializer: name,
        p,
    }))
}

/// Whether a tensor is a matrix, as its checkpoint has it, of enough finite and different values.
fn is_judged(loaded: &Loaded<'_>) -> bool {
    let (line, (file, place)) = (loaded.line, loaded.from);
    let info = &file.tensors()[place];
    line.role.is_matrix()
        && info.dtype().is_float()
        && line.load().is_some_and(|load| load.axes.is_empty())
        && info.elements() >= LEAST_SAMPLE
        && loaded.health.range().is_some_and(|(min, max)| min < max)
        && loaded.health.non_finite == 0
}
