//! Tensors that processes hold together (`DTensor`), of which a file of one process has a slice.

use super::sequence::{sequence, sizes};
use crate::formats::torch::pickle::{Id, Values};

/// The function that makes such a tensor: of its class, with the slice in its state.
pub(super) const SPREAD: &str = "_rebuild_wrapper_subclass";

/// A tensor of several processes, as one of them saved it.
pub(super) struct Spread {
    /// The slice of the process.
    pub(super) local: Id,
    /// The sizes of the whole.
    whole: Vec<u64>,
    /// Whether the whole is the sum of the slices.
    is_sum: bool,
}

impl Spread {
    /// Reads the arguments (class, type, sizes, ...) and the state {_local_tensor, _spec}, which
    /// may be the second of two.
    pub(super) fn of(values: &Values, arguments: Id, state: Id) -> Option<Self> {
        let state = match values.tuple(state) {
            Some(&[_, state]) => state,
            Some(_) => return None,
            None => state,
        };
        let spec = values.call(values.entry(state, "_spec")?)?.state?;
        let placements = sequence(values, values.entry(spec, "placements")?)?;
        let is_sum = placements.iter().any(|&placement| {
            let class = values
                .call(placement)
                .and_then(|call| values.global(call.function));
            class.is_none_or(|(_, name)| name.ends_with("Partial"))
        });
        Some(Self {
            local: values.entry(state, "_local_tensor")?,
            whole: sizes(values, *values.tuple(arguments)?.get(2)?)?,
            is_sum,
        })
    }

    /// Checks that the slice is the whole, as it is if every process has all of it.
    pub(super) fn check_whole(&self, local: &[u64]) -> Result<(), String> {
        if self.is_sum {
            return Err(
                "it is one summand of a tensor that processes have together; save its \
                        full_tensor()"
                    .to_owned(),
            );
        }
        match local == self.whole {
            true => Ok(()),
            false => Err(format!(
                "it is the slice {local:?} that one process has of a tensor {:?}; save its \
                 full_tensor(), or all slices with torch.distributed.checkpoint",
                self.whole
            )),
        }
    }
}
