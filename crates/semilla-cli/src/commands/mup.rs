//! `semilla check --mup`: muP's coordinate check.

use semilla::Graph;
use semilla_checkpoint::ops::{DescribeOptions, Described, describe};
use semilla_signal::{Coordinates, Loss, Network, coordinates};

use crate::args::check::CheckArgs;
use crate::commands::data::data;
use crate::commands::network::{fitted, network};
use crate::commands::planned::planned;
use crate::commands::seeds::seeds;
use crate::failure::Failure;
use crate::show::progress::Steps;

/// The model at one width.
struct Width {
    width: usize,
    described: Described,
    graph: Graph,
}

/// The first steps at several widths of the described model.
pub(crate) fn check(args: &CheckArgs) -> Result<Coordinates, Failure> {
    let name = args.plan.model.model.as_deref().unwrap_or_default();
    let widths = args.training.widths.iter();
    let widths: Result<Vec<Width>, Failure> = widths
        .map(|&times| widened(args, name, times as usize))
        .collect();
    let widths = widths?;
    let graphs: Vec<(usize, &Graph)> = widths.iter().map(|at| (at.width, &at.graph)).collect();
    let seeds = seeds(args.plan.seed, args.seeds);
    let method = args.training.method();
    let loss = args.training.loss.unwrap_or(usual_loss(name));
    let steps = args.training.steps as usize;
    let progress = Steps::new(widths.len() * seeds.len());
    let mut tried = 0;
    coordinates(
        &graphs,
        &seeds,
        loss,
        method,
        steps,
        |width, graph, seed| {
            let at = widths.iter().find(|at| at.width == width);
            let at = at.ok_or_else(|| Failure::OneWidth(name.to_owned()))?;
            progress.say(tried, format!("networks trained, now of width {width}"));
            tried += 1;
            let data = data(&args.plan.data, seed, graph)?;
            let mut planned = planned(&args.plan, Some(&at.described))?;
            planned.plan = planned.plan.with_seed(seed);
            fitted(&mut planned, &at.described.model, graph, &data)?;
            let network: Network<'_> = network(&planned, graph, &data, method.0)?;
            Ok::<_, Failure>(network)
        },
    )
}

fn widened(args: &CheckArgs, name: &str, times: usize) -> Result<Width, Failure> {
    let one_width = || Failure::OneWidth(name.to_owned());
    let (text, width) = semilla::network::Network::widened(name, times).map_err(|_| one_width())?;
    let options = DescribeOptions {
        dtype: args.plan.model.dtype,
        sizes: args.plan.data.size.clone(),
        ..DescribeOptions::default()
    };
    let described = describe(&text, options)?;
    Ok(Width {
        width,
        graph: described.graph()?.into_owned(),
        described,
    })
}

/// Next tokens of a transformer; else classes.
fn usual_loss(name: &str) -> Loss {
    match name.starts_with("transformer:") {
        true => Loss::NextToken,
        false => Loss::CrossEntropy,
    }
}
