//! Values made one.

use crate::formula::Problem;
use crate::network::draft::{Draft, Flow};
use crate::network::given::axis_of;

/// Values of one shape, added or multiplied.
pub(in crate::network) fn joined(
    draft: &mut Draft,
    operator: &str,
    values: &[Flow],
) -> Result<Flow, Problem> {
    let [first, rest @ ..] = values else {
        return Err(Problem::other("there is nothing to join"));
    };
    let mut made = first.clone();
    for value in rest {
        if value.sizes != made.sizes || value.is_words || made.is_words {
            return Err(Problem::other(format!(
                "the branches make {} and {}; both should be numbers of one shape",
                made.shape(),
                value.shape()
            )));
        }
        made.name = draft.node(operator, &[&made.name, &value.name])?;
    }
    Ok(made)
}

/// Values side by side along an axis.
pub(in crate::network) fn concat(
    draft: &mut Draft,
    values: &[Flow],
    axis: f64,
) -> Result<Flow, Problem> {
    let [first, rest @ ..] = values else {
        return Err(Problem::other("there is nothing to join"));
    };
    let axes = first.sizes.len();
    let place = axis_of(axis, axes).ok_or_else(|| {
        Problem::other(format!(
            "there is no axis {axis} of 1 to {axes} behind the samples"
        ))
    })? - 1;
    let mut sizes = first.sizes.clone();
    for value in rest {
        let fits = value.sizes.len() == axes
            && (0..axes).all(|at| at == place || value.sizes[at] == sizes[at]);
        if !fits {
            return Err(Problem::other(format!(
                "the branches make {} and {}, which differ beside axis {}",
                first.shape(),
                value.shape(),
                place + 1
            )));
        }
        sizes[place] += value.sizes[place];
    }
    let names: Vec<&str> = values.iter().map(|value| &*value.name).collect();
    let name = draft.concat(&names, place as i64 + 1)?;
    Ok(Flow {
        name,
        sizes,
        is_words: false,
    })
}
