//! Activations and gradients in a file, as hooks on a live module record them.

use std::collections::BTreeMap;
use std::path::Path;

use semilla_checkpoint::open;
use semilla_signal::{Array, Datum, Measurement, Recorded};

use crate::commands::checked::Checked;
use crate::commands::tensor::tensor;
use crate::failure::Failure;

/// The arrays of one layer, or of one point of the main path.
type Parts = BTreeMap<String, Array<f32>>;

/// Reads a file whose tensors are named `NUMBER:LAYER:KIND`, and measures what it holds. Numbers
/// tell the order; kinds are `output`, `activated`, `gradient` and `weight_gradient` of a layer,
/// and `path` and `path_gradient` where all signals go through a narrow place after it.
pub(crate) fn recorded(path: &Path) -> Result<Checked, Failure> {
    let file = open(path)?;
    let problem = |problem: String| Failure::Recorded {
        path: path.to_owned(),
        problem,
    };
    let mut layers: BTreeMap<(u64, String), Parts> = BTreeMap::new();
    for (place, info) in file.tensors().iter().enumerate() {
        let name = info.name();
        let (number, layer, kind) = parsed(name).ok_or_else(|| {
            problem(format!(
                "{name:?} is not NUMBER:LAYER:KIND with one of the kinds {}, such as \
                 \"0:fc1.weight:output\"",
                KINDS.join(", ")
            ))
        })?;
        let Some(Datum::Float(array)) = tensor(&*file, place)? else {
            return Err(problem(format!("{name:?} has no floats")));
        };
        let parts = layers.entry((number, layer.to_owned())).or_default();
        parts.insert(kind.to_owned(), array);
    }
    let (mut recorded, mut narrow) = (Vec::new(), Vec::new());
    for ((_, weight), mut parts) in layers {
        narrow.extend(parts.remove("path").map(|output| Recorded {
            weight: weight.clone(),
            output,
            activated: None,
            gradient: parts.remove("path_gradient"),
            weight_gradient: None,
        }));
        let output = match parts.remove("output") {
            Some(output) => output,
            None if parts.is_empty() => continue,
            None => return Err(problem(format!("{weight:?} has no output"))),
        };
        recorded.push(Recorded {
            output,
            activated: parts.remove("activated"),
            gradient: parts.remove("gradient"),
            weight_gradient: parts.remove("weight_gradient"),
            weight,
        });
    }
    for layer in recorded.iter().chain(&narrow) {
        let gradient = layer.gradient.as_ref().map(Array::shape);
        if gradient.is_some_and(|shape| shape != layer.output.shape()) {
            let weight = &layer.weight;
            return Err(problem(format!(
                "{weight:?}: a gradient has its output's shape"
            )));
        }
    }
    let none = || problem("it has no layer's output".to_owned());
    let first = recorded.first().ok_or_else(none)?;
    let samples = first.output.shape().first().copied().unwrap_or(1);
    let measured = vec![Measurement::recorded(&recorded, &narrow)];
    Ok(Checked::recorded(measured, samples))
}

const KINDS: [&str; 6] = [
    "output",
    "activated",
    "gradient",
    "weight_gradient",
    "path",
    "path_gradient",
];

/// `NUMBER:LAYER:KIND`.
fn parsed(name: &str) -> Option<(u64, &str, &str)> {
    let (number, rest) = name.split_once(':')?;
    let (layer, kind) = rest.rsplit_once(':')?;
    let is_known = KINDS.contains(&kind) && !layer.is_empty();
    is_known.then_some((number.parse().ok()?, layer, kind))
}
