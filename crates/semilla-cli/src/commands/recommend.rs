use semilla_checkpoint::write_atomically;
use semilla_signal::{candidates, recommend};

use crate::args::recommend::RecommendArgs;
use crate::commands::check::graph;
use crate::commands::data::data;
use crate::commands::planned::described;
use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::recommend::print;

/// `semilla recommend`: which first weights suit a model, and why.
pub(crate) fn run(args: &RecommendArgs, output: &mut Output) -> Result<(), Failure> {
    let model = described(&args.model())?;
    let graph = graph(&args.model, model.as_ref())?;
    let none = || Failure::NoGraph(args.model.clone());
    let model = &model.as_ref().ok_or_else(none)?.model;
    let data = data(&args.data, args.seed, &graph)?;
    let seeds: Vec<u64> = (0..args.seeds).map(|i| args.seed.wrapping_add(i)).collect();
    let found = recommend(model, &graph, &data.inputs, &seeds, &candidates(model))?;
    if let Some(path) = &args.output {
        write_atomically(path, found.recipe.as_bytes())?;
    }
    match output.is_json() {
        true => output.json(&found),
        false => print(&found, &args.model, args.output.as_deref(), output),
    }
}
