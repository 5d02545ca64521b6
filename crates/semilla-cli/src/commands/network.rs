//! Networks with the weights of a plan.

use semilla::{Graph, Model};
use semilla_checkpoint::ops::Planned;
use semilla_data::Data;
use semilla_signal::{Datum, Fitting, Network, Optimizer, Parameter, fit};

use crate::failure::Failure;

/// The network of a plan's weights, with what its scheme scales besides.
pub(crate) fn network<'g>(
    planned: &Planned<'_>,
    graph: &'g Graph,
    data: &Data,
    optimizer: Optimizer,
) -> Result<Network<'g>, Failure> {
    let parameter = |name: &str| {
        let Some(line) = planned.plan.line(name) else {
            return Ok(None);
        };
        let datum = Datum::decode(line.dtype, &line.shape, &planned.tensor(name)?);
        let parameter = |value| Parameter::planned(value, line, optimizer.kind());
        Ok::<_, Failure>(datum.map(parameter))
    };
    Network::new(graph, data.inputs.clone(), parameter)
}

/// Fits what a plan leaves to be fitted on data; `None` where that is nothing.
pub(crate) fn fitted(
    planned: &mut Planned<'_>,
    model: &Model,
    graph: &Graph,
    data: &Data,
) -> Result<Option<Fitting>, Failure> {
    let fits = planned.plan.take_fits();
    if fits.is_empty() {
        return Ok(None);
    }
    let mut network = network(planned, graph, data, Optimizer::Sgd)?;
    let seed = planned.plan.seed;
    let fitting = fit(&mut network, &fits, data.labels.as_ref(), seed)?;
    planned.plan.put(model, fitting.found.clone())?;
    Ok(Some(fitting))
}
