//! How many processes share a model, as trainers write beside its tensors.

use crate::Metadata;
use crate::formats::torch::pickle::{Id, Values};

/// What DeepSpeed writes beside `module`.
const OF_DEEPSPEED: &str = "mp_world_size";
/// What Megatron-LM writes among its arguments.
const OF_MEGATRON: [&str; 2] = ["tensor_model_parallel_size", "pipeline_model_parallel_size"];

/// These numbers under their own names.
pub(super) fn processes(values: &Values, saved: Id) -> Metadata {
    let arguments = values.entry(saved, "args");
    let arguments = arguments.and_then(|arguments| values.call(arguments)?.state);
    let of_megatron = OF_MEGATRON.map(|key| (key, arguments));
    let places = of_megatron.into_iter().chain([(OF_DEEPSPEED, Some(saved))]);
    let found = places.filter_map(|(key, place)| {
        let number = values.integer(values.entry(place?, key)?)?;
        Some((key.to_owned(), number.to_string()))
    });
    found.collect()
}
