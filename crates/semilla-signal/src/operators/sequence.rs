//! Sequences of arrays.

use semilla::graph::{Attribute, Node};

use super::movement::{concatenated, shape_of};
use crate::array::Array;
use crate::executor::{Call, Made, Problem, Stand, Value};
use crate::real::Real;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "SequenceEmpty" => Ok(Made::Values(vec![Value::List(Vec::new())])),
        "SequenceConstruct" => {
            let values = call.inputs.iter().flatten().cloned().collect();
            Ok(Made::Values(vec![Value::List(values)]))
        }
        "SequenceLength" => Made::whole(Array::scalar(list(call)?.len() as i64)),
        "SequenceAt" => {
            let mut values = list(call)?;
            let at = place(call, 1, values.len())?;
            match at < values.len() {
                true => Ok(Made::Values(vec![values.swap_remove(at)])),
                false => Err(Problem::MissingInput(0)),
            }
        }
        "SequenceInsert" => {
            let mut values = list(call)?;
            let at = if call.has(2) {
                place(call, 2, values.len())?
            } else {
                values.len()
            };
            values.insert(at, call.value(1)?.clone());
            Ok(Made::Values(vec![Value::List(values)]))
        }
        "ConcatFromSequence" => joined(call),
        "SplitToSequence" => split(call),
        _ => return Ok(None),
    };
    made.map(Some)
}

fn list<T: Real>(call: &Call<'_, T>) -> Result<Vec<Value>, Problem> {
    match call.value(0)? {
        Value::List(values) => Ok(values.clone()),
        _ => Err(Problem::Kind {
            input: 0,
            expected: "a sequence",
        }),
    }
}

/// A place in a list, which may be counted from its end.
fn place<T: Real>(call: &Call<'_, T>, input: usize, len: usize) -> Result<usize, Problem> {
    let index = call.number(input)? as i64;
    let from_start = if index < 0 {
        index.saturating_add(len as i64)
    } else {
        index
    };
    let found = usize::try_from(from_start)
        .ok()
        .filter(|&index| index <= len);
    found.ok_or_else(|| Problem::Attribute {
        name: "position",
        value: format!("{index} of {len}"),
    })
}

fn joined<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let values = list(call)?;
    let axis = call.int("axis", 0)?;
    if call.int("new_axis", 0)? == 0 {
        return concatenated(call, &values, axis);
    }
    let names: Vec<String> = (0..values.len()).map(|place| place.to_string()).collect();
    let raised: Vec<String> = names.iter().map(|name| format!("raised {name}")).collect();
    let mut nodes: Vec<Node> = (names.iter().zip(&raised))
        .map(|(name, raised)| {
            let axes = Attribute::Ints(vec![axis]);
            Node::new("Unsqueeze", &[name], &[raised]).with("axes", axes)
        })
        .collect();
    let inputs: Vec<&str> = raised.iter().map(|name| &**name).collect();
    nodes.push(Node::new("Concat", &inputs, &["y"]).with("axis", Attribute::Int(axis)));
    Ok(Made::Nodes(Stand {
        nodes,
        inputs: values.into_iter().map(Some).collect(),
        outputs: vec!["y".to_owned()],
    }))
}

/// Parts of a given size, or of given sizes; without any, of 1.
fn split<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = shape_of(call, 0)?;
    let axis = call.axis(call.int("axis", 0)?, shape.len())?;
    let size = shape[axis] as i64;
    let parts = match call.has(1) {
        false => vec![1; shape[axis]],
        true => {
            let given = call.whole(1)?;
            match (given.rank(), given.data()) {
                (0, &[part]) if part > 0 => {
                    let starts = (0..size).step_by(part as usize);
                    starts.map(|start| part.min(size - start)).collect()
                }
                (1, parts) => parts.to_vec(),
                _ => return Err(call.shapes("sizes of parts")),
            }
        }
    };
    let keeps = call.has(1) || call.int("keepdims", 1)? != 0;
    let names: Vec<String> = (0..parts.len())
        .map(|part| format!("part {part}"))
        .collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let axes = Attribute::Ints(vec![axis as i64]);
    let mut nodes = vec![
        Node::new("Split", &["0"], &names)
            .with("axis", Attribute::Int(axis as i64))
            .with("split", Attribute::Ints(parts)),
    ];
    let lowered: Vec<String> = names.iter().map(|name| format!("{name} alone")).collect();
    let mut listed = names.clone();
    if !keeps {
        let pairs = names.iter().zip(&lowered);
        nodes.extend(pairs.map(|(name, lowered)| {
            Node::new("Squeeze", &[name], &[lowered]).with("axes", axes.clone())
        }));
        listed = lowered.iter().map(|name| &**name).collect();
    }
    nodes.push(Node::new("SequenceConstruct", &listed, &["y"]));
    Ok(call.stand(nodes, &["y"]))
}
