//! Recurrent layers, under PyTorch's names and in its order of gates.

use super::site::Site;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::network::draft::Flow;

/// A kind of recurrent layer.
struct Cell {
    operator: &'static str,
    /// The places of ONNX's gates among PyTorch's.
    gates: &'static [usize],
    /// An attribute of its own.
    extra: Option<(&'static str, Attribute)>,
}

/// `lstm(hidden, layers=1, bidirectional=false, bias=true)`: all states of the last layer.
pub(super) fn lstm(site: &mut Site<'_>) -> Result<Flow, Problem> {
    // Input, forget, cell, output in PyTorch; input, output, forget, cell in ONNX.
    stack(
        site,
        &Cell {
            operator: "LSTM",
            gates: &[0, 3, 1, 2],
            extra: None,
        },
    )
}

/// `gru(hidden, layers=1, bidirectional=false, bias=true)`: all states of the last layer.
pub(super) fn gru(site: &mut Site<'_>) -> Result<Flow, Problem> {
    // Reset, update, new in PyTorch; update, reset, new in ONNX.
    let extra = Some(("linear_before_reset", Attribute::Int(1)));
    stack(
        site,
        &Cell {
            operator: "GRU",
            gates: &[1, 0, 2],
            extra,
        },
    )
}

/// `rnn(hidden, layers=1, bidirectional=false, bias=true, activation='tanh')`: all states.
pub(super) fn rnn(site: &mut Site<'_>) -> Result<Flow, Problem> {
    let directions = if site.given.flag("bidirectional", false)? {
        2
    } else {
        1
    };
    let extra = match site.given.choice("activation", &["tanh", "relu"])? {
        "relu" => Some((
            "activations",
            Attribute::Texts(vec!["Relu".to_owned(); directions]),
        )),
        _ => None,
    };
    stack(
        site,
        &Cell {
            operator: "RNN",
            gates: &[0],
            extra,
        },
    )
}

fn stack(site: &mut Site<'_>, cell: &Cell) -> Result<Flow, Problem> {
    let (length, mut inputs) = site.sequence()?;
    let hidden = site.given.size("hidden")?;
    let layers = site.given.size_or("layers", 1)?;
    let directions: &[&str] = match site.given.flag("bidirectional", false)? {
        true => &["", "_reverse"],
        false => &[""],
    };
    let width = hidden * directions.len();
    // The places first, as the operator has it.
    let mut x = site.draft.permuted(&site.x.name, &[1, 0, 2])?;
    for layer in 0..layers {
        let mut operands = vec![x];
        for (part, inner) in [("weight_ih", inputs), ("weight_hh", hidden)] {
            let shape = [cell.gates.len() * hidden, inner];
            operands.push(parameter(site, cell, &[part], layer, directions, &shape)?);
        }
        if site.given.flag("bias", true)? {
            let shape = [cell.gates.len() * hidden];
            let parts = ["bias_ih", "bias_hh"];
            operands.push(parameter(site, cell, &parts, layer, directions, &shape)?);
        }
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        let mut node = Node::new(cell.operator, &operands, &[])
            .with("hidden_size", Attribute::Int(hidden as i64));
        if directions.len() == 2 {
            let both = Attribute::Text("bidirectional".to_owned());
            node = node.with("direction", both);
        }
        if let Some((name, value)) = &cell.extra {
            node = node.with(name, value.clone());
        }
        let states = site.draft.put(node)?;
        // [length, directions, samples, hidden]
        let by_samples = site.draft.permuted(&states, &[0, 2, 1, 3])?;
        let shape = site.draft.whole(&[0, 0, width as i64]);
        x = site.draft.node("Reshape", &[&by_samples, &shape])?;
        inputs = width;
    }
    let name = site.draft.permuted(&x, &[1, 0, 2])?;
    Ok(site.made(name, vec![length, width]))
}

/// One operand of the operator: the gates in its order, all parts side by side, a direction below
/// the other.
fn parameter(
    site: &mut Site<'_>,
    cell: &Cell,
    parts: &[&str],
    layer: usize,
    directions: &[&str],
    shape: &[usize],
) -> Result<String, Problem> {
    let hidden = shape[0] / cell.gates.len();
    let mut all = Vec::new();
    for direction in directions {
        let mut own = Vec::new();
        for part in parts {
            let stored = site.weight(&format!("{part}_l{layer}{direction}"), shape)?;
            own.push(match cell.gates {
                [_] => stored,
                gates => {
                    let split = site.draft.split(&stored, 0, &vec![hidden; gates.len()])?;
                    let ordered: Vec<&str> = gates.iter().map(|&gate| &*split[gate]).collect();
                    site.draft.concat(&ordered, 0)?
                }
            });
        }
        let joined = side_by_side(site, own)?;
        let first = site.draft.whole(&[0]);
        all.push(site.draft.node("Unsqueeze", &[&joined, &first])?);
    }
    side_by_side(site, all)
}

fn side_by_side(site: &mut Site<'_>, mut values: Vec<String>) -> Result<String, Problem> {
    if values.len() == 1 {
        return Ok(values.remove(0));
    }
    let names: Vec<&str> = values.iter().map(String::as_str).collect();
    site.draft.concat(&names, 0)
}
