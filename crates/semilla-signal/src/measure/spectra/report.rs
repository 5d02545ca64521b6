//! All spectra of one run.

use semilla::Graph;
use semilla::graph::Initializer;
use serde::Serialize;

use super::jacobian::Jacobian;
use super::kernel::Kernel;
use super::layer::LayerSpectrum;
use crate::executor::{Datum, Fault, Mode, Trace};
use crate::measure::flow::Flow;
use crate::measure::layers::layers;
use crate::measure::measurement::output;
use crate::measure::path::points;

/// Samples that are looked at: each is a pass for the tangent kernel.
pub(crate) const MOST_SAMPLES: usize = 16;

/// What singular values show of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spectra {
    /// The Jacobian of the main path's last array by its first; `None` of shorter paths.
    pub jacobian: Option<Jacobian>,
    /// The tangent kernel of the first output; `None` of a single sample, or where the gradients of
    /// two do not fit in memory.
    pub kernel: Option<Kernel>,
    /// The layers, in the order in which they ran.
    pub layers: Vec<LayerSpectrum>,
}

/// Runs a graph on its first 16 samples in `f64` and looks at singular values.
///
/// # Errors
/// As [`measure`](crate::measure): the graph does not run on these inputs and weights, or makes no
/// numbers.
///
/// ```
/// use semilla::model::Spec;
/// use semilla::{Recipe, init};
/// use semilla_signal::{Batch, Datum, spectra};
///
/// // Orthogonal layers without activations turn signals and do nothing else.
/// let text = "mlp:32-32-32-32-32-4:linear";
/// let (model, graph) = (Spec::parse(text)?, Spec::graph(text)?);
/// let inputs = Batch { samples: 8, ..Batch::default() }.inputs(&graph)?;
/// let plan = Recipe::scheme(init::orthogonal()).plan(&model, 0)?;
/// let found = spectra(
///     &graph,
///     inputs.iter().map(|(name, datum)| (&**name, datum.clone())),
///     |tensor| {
///         let bytes = plan.line(tensor.tensor.as_ref()?)?.to_bytes().ok()?;
///         Datum::decode(tensor.dtype?, &tensor.shape, &bytes)
///     },
///     0,
/// )?;
/// let jacobian = found.jacobian.unwrap();
/// assert!((jacobian.largest - 1.0).abs() < 1e-5 && (jacobian.smallest - 1.0).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn spectra<'n>(
    graph: &Graph,
    inputs: impl IntoIterator<Item = (&'n str, Datum<f32>)>,
    weights: impl Fn(&Initializer) -> Option<Datum<f32>>,
    seed: u64,
) -> Result<Spectra, Fault> {
    let inputs = inputs.into_iter().map(|(name, mut datum)| {
        datum.truncate(MOST_SAMPLES);
        (name, datum.widened())
    });
    let widened = |tensor: &Initializer| weights(tensor).map(|datum| datum.widened());
    let trace = Trace::record(graph, Mode::Training, inputs, widened)?;
    let output = output(&trace, graph)?;
    let flow = Flow::of(&trace);
    let found = layers(&trace, graph, &flow);
    let path = points(&trace, &flow, &found, output);
    let name = |place: usize| trace.weights()[found[place].weight].0.clone();
    let jacobian = match &*path {
        [(from, first), .., (to, last)] => {
            let ends = [name(*first), name(*last)];
            Jacobian::of(&trace, ends, [*from, *to], seed)
        }
        _ => None,
    };
    Ok(Spectra {
        jacobian,
        kernel: Kernel::of(&trace, output, seed),
        layers: found
            .iter()
            .map(|layer| LayerSpectrum::of(&trace, layer))
            .collect(),
    })
}
