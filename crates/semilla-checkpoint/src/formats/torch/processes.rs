//! How processes share a model, as trainers write beside its tensors.

use std::path::Path;

use super::sequence::sequence;
use crate::formats::torch::pickle::{Id, Node, Values};
use crate::{Error, Metadata, Tensors};

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

/// Checks that the weights are here: ZeRO's third stage leaves empty ones beside their shapes, and
/// has the values in the states of all processes' optimizers.
///
/// Source: `deepspeed/utils/zero_to_fp32.py`.
///
/// # Errors
/// They are not.
pub(super) fn check_present(
    values: &Values,
    saved: Id,
    tensors: &Tensors,
    path: &Path,
) -> Result<(), Error> {
    let Some(shapes) = values.entry(saved, "param_shapes") else {
        return Ok(());
    };
    let groups = sequence(values, shapes).unwrap_or(std::slice::from_ref(&shapes));
    let keys = groups.iter().flat_map(|&group| match values.get(group) {
        Node::Dict(entries) => entries.as_slice(),
        Node::Call(call) => &call.items,
        _ => &[],
    });
    let names = keys.filter_map(|&(key, _)| Some(format!("module.{}", values.text(key)?)));
    let places = names.filter_map(|name| tensors.index_of(&name));
    let mut sizes = places.map(|place| tensors[place].bytes()).peekable();
    if sizes.peek().is_none() || sizes.any(|bytes| bytes > 0) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let (root, step) = (folder.parent().unwrap_or(folder), folder.file_name());
    let (root, step) = (root.display(), step.unwrap_or_default().to_string_lossy());
    Err(Error::Unsupported {
        path: path.to_owned(),
        format: "a state of ZeRO's third stage, whose weights lie in the states of all processes' \
                 optimizers",
        advice: format!("python {root}/zero_to_fp32.py {root} model --tag {step}"),
    })
}
