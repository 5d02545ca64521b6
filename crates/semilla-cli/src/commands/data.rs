//! The data that the arguments name, or noise.

use std::collections::BTreeMap;

use semilla::Graph;
use semilla_data::{Data, Reading, read};
use semilla_signal::Batch;

use crate::args::data::DataArgs;
use crate::failure::Failure;

/// The inputs of a graph: from the file that the arguments name, or noise of a seed.
pub(crate) fn data(args: &DataArgs, seed: u64, graph: &Graph) -> Result<Data, Failure> {
    let sizes = args.size.iter().cloned().collect();
    let samples = args.samples as usize;
    if let Some(path) = args.path() {
        let reading = Reading {
            samples,
            sizes,
            normalize: args.normalize.clone(),
            labels: args.labels.clone(),
            tokenizer: args.tokenizer.clone(),
        };
        return Ok(read(path, graph, &reading)?);
    }
    let batch = Batch {
        samples,
        sizes,
        seed,
        ..Batch::default()
    };
    Ok(Data {
        inputs: batch.inputs(graph)?,
        labels: None,
        samples,
        channels: BTreeMap::new(),
        remarks: Vec::new(),
    })
}
