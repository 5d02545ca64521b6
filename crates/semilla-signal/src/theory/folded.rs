//! Numbers that depend on no data: they are computed.

use std::collections::HashMap;
use std::sync::Arc;

use semilla::graph::Initializer;

use super::operands::Operands;
use super::state::{Known, Step};
use crate::array::Array;
use crate::executor::{Call, Made, Stand, Value};

/// Numbers of a formula that are computed, at most.
const MOST_NUMBERS: usize = 1 << 20;

/// Numbers that the graph states itself.
pub(super) fn literal(initializer: &Initializer) -> Option<Known> {
    match initializer
        .literal
        .as_ref()
        .and_then(Call::<f32>::literal)?
    {
        Made::Constants(mut arrays) => arrays.pop().map(constant),
        Made::Values(mut values) => of_value(values.pop()?, &[]),
        _ => None,
    }
}

/// What a node makes of numbers alone.
pub(super) fn folded(step: &Step<'_>) -> Option<Vec<Known>> {
    let mut operands = Operands::default();
    for known in step.inputs {
        match known {
            None => operands.left_out(),
            Some(Known::Whole(array)) => operands.whole(array),
            Some(Known::Constant(array)) if array.data().len() <= MOST_NUMBERS => {
                operands.numbers((**array).clone());
            }
            Some(_) => return None,
        }
    }
    let made = operands.lower(step.node, step.opset).ok()?;
    let arrays = &operands.arrays;
    match made {
        Made::Step {
            operator,
            inputs,
            more,
        } => {
            let taken: Vec<&Array<f32>> = inputs.iter().map(|id| &arrays[id.0]).collect();
            let made = operator.forward(&taken).into_iter();
            let more = more.into_iter().map(|value| of_value(value, arrays));
            made.map(|array| Some(constant(array)))
                .chain(more)
                .collect()
        }
        Made::Values(values) => {
            let values = values.into_iter();
            values.map(|value| of_value(value, arrays)).collect()
        }
        Made::Constants(arrays) => Some(arrays.into_iter().map(constant).collect()),
        Made::Nodes(stand) => of_nodes(step, &stand),
    }
}

/// What the nodes that stand for one make.
fn of_nodes(step: &Step<'_>, stand: &Stand) -> Option<Vec<Known>> {
    let given = step.inputs.iter().enumerate();
    let given = given.filter_map(|(at, known)| Some((at.to_string(), known.clone()?)));
    let mut values: HashMap<String, Known> = given.collect();
    for node in &stand.nodes {
        let inputs: Vec<Option<Known>> = (node.inputs.iter())
            .map(|name| values.get(name).cloned())
            .collect();
        let inner = Step {
            node,
            opset: step.opset,
            inputs: &inputs,
        };
        values.extend(node.outputs.iter().cloned().zip(folded(&inner)?));
    }
    let made = stand.outputs.iter();
    made.map(|name| values.get(name).cloned()).collect()
}

fn constant(array: Array<f32>) -> Known {
    Known::Constant(Arc::new(array))
}

fn of_value(value: Value, arrays: &[Array<f32>]) -> Option<Known> {
    match value {
        Value::Whole(array) => Some(Known::Whole(array)),
        Value::Float(id) => arrays.get(id.0).cloned().map(constant),
        Value::List(values) => {
            let known = values.into_iter().map(|value| of_value(value, arrays));
            Some(Known::List(Arc::new(known.collect::<Option<_>>()?)))
        }
    }
}
