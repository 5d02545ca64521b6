use std::path::{Path, PathBuf};

use semilla_checkpoint::ops::{DescribeOptions, describe};
use semilla_checkpoint::write_atomically;
use semilla_signal::{Candidate, candidates, recommend};

use crate::args::recommend::RecommendArgs;
use crate::commands::data::data;
use crate::commands::seeds::seeds;
use crate::commands::target::check_target;
use crate::failure::Failure;
use crate::show::output::Output;
use crate::show::progress::Steps;
use crate::show::recommend::print;

/// `semilla recommend`: which first weights suit a model, and why.
pub(crate) fn run(args: &RecommendArgs, output: &mut Output) -> Result<(), Failure> {
    let options = DescribeOptions {
        convention: None,
        dtype: None,
        config: args.config.clone(),
        sizes: args.data.size.clone(),
    };
    let described = describe(&args.model, options);
    let described = described.map_err(|error| Failure::describing(error, "--layout"))?;
    if let Some(path) = &args.output {
        let data = args.data.path().map(Path::to_owned);
        let read = [PathBuf::from(&args.model)].into_iter();
        check_target(
            path,
            read.chain(args.config.clone()).chain(data),
            &described,
        )?;
    }
    let (model, graph) = (&described.model, described.graph()?);
    let data = data(&args.data, args.seed, &graph)?;
    let seeds = seeds(args.seed, args.seeds);
    let candidates = candidates(model);
    let watch = watching(candidates.len());
    let found = recommend(model, &graph, &data.inputs, &seeds, &candidates, watch)?;
    if let Some(path) = &args.output {
        write_atomically(path, found.recipe.as_bytes())?;
    }
    match output.is_json() {
        true => output.json(&found),
        false => {
            let written = args.output.as_deref().map(|path| (&*args.model, path));
            print(&found, written, output)
        }
    }
}

/// Shows how many of so many candidates have been tried, and which is next.
pub(crate) fn watching(candidates: usize) -> impl FnMut(usize, &Candidate) {
    let progress = Steps::new(candidates);
    move |place, candidate| {
        progress.say(place, format!("starts tried, now {}", candidate.name));
    }
}
