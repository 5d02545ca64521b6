//! Sequences of arrays.

use semilla::graph::{Attribute, Node};

use super::movement::concatenated;
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
