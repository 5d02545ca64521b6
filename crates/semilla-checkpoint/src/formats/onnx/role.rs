//! What a tensor is to the model, read off the nodes that take it: its axes, and a name where it has none.

use std::collections::{HashMap, HashSet};

use semilla::Layout;

use super::graph::{Model, Node, Tensor};
use crate::io::window::Fault;
use crate::tensor::MAX_NAME_BYTES;
use crate::{Limits, Quoted};

/// What the nodes say of one tensor.
#[derive(Default)]
pub(super) struct Role {
    /// The first node that takes it (its graph and its place there), and in which place of its inputs.
    taken_by: Option<(usize, usize, usize)>,
    pub(super) layout: Option<Layout>,
    /// Whether nodes contradict each other about the axes.
    disputed: bool,
}

/// A tensor as a node takes it.
#[derive(Clone, Copy)]
struct Source {
    /// The graph and the tensor in it.
    tensor: (usize, usize),
    /// Whether its two axes were exchanged on the way.
    transposed: bool,
    /// Whether its axes are still those of the tensor.
    same_axes: bool,
}

/// The roles of all tensors, by graph.
///
/// Nodes come after those whose outputs they take, and graphs after those around them, so that one pass suffices.
pub(super) fn roles(model: &Model) -> Result<Vec<Vec<Role>>, Fault> {
    let mut roles: Vec<Vec<Role>> = model
        .graphs
        .iter()
        .map(|graph| graph.tensors.iter().map(|_| Role::default()).collect())
        .collect();
    let mut sources: HashMap<(usize, &str), Source> = HashMap::new();
    for (graph_index, graph) in model.graphs.iter().enumerate() {
        for (index, tensor) in graph.tensors.iter().enumerate() {
            let source = Source {
                tensor: (graph_index, index),
                transposed: false,
                same_axes: true,
            };
            let key = (graph_index, tensor.output.as_str());
            if sources.insert(key, source).is_some() {
                let name = Quoted::new(&tensor.output);
                return Err(Fault::new(format!(
                    "the tensor {name} occurs twice in one graph"
                )));
            }
        }
        for (node_index, node) in graph.nodes.iter().enumerate() {
            for (slot, input) in node.inputs.iter().enumerate() {
                let Some(source) = find(model, &sources, graph_index, input) else {
                    continue;
                };
                let (of_graph, index) = source.tensor;
                match passed_on(node, slot, source) {
                    Some(output) => {
                        sources.entry((graph_index, &node.output)).or_insert(output);
                    }
                    None => {
                        let dims = &model.graphs[of_graph].tensors[index].dims;
                        let role = &mut roles[of_graph][index];
                        role.taken_by.get_or_insert((graph_index, node_index, slot));
                        role.learn(layout(node, slot, source, dims));
                    }
                }
            }
        }
    }
    Ok(roles)
}

/// The tensor that a name stands for in a graph or in one around it.
fn find(
    model: &Model,
    sources: &HashMap<(usize, &str), Source>,
    graph: usize,
    name: &str,
) -> Option<Source> {
    // No name stands for an input that is left out.
    let mut scope = Some(graph).filter(|_| !name.is_empty());
    while let Some(graph) = scope {
        if let Some(source) = sources.get(&(graph, name)) {
            return Some(*source);
        }
        scope = model.graphs[graph].parent;
    }
    None
}

/// The same values as the node gives them on, where that is all it does.
fn passed_on(node: &Node, slot: usize, source: Source) -> Option<Source> {
    if slot != 0 {
        return None;
    }
    match node.op.as_str() {
        "Identity" | "Cast" | "DequantizeLinear" => Some(source),
        "Transpose" => Some(Source {
            transposed: !source.transposed,
            same_axes: source.same_axes && matches!(node.perm[..], [] | [1, 0]),
            ..source
        }),
        "Reshape" | "Squeeze" | "Unsqueeze" | "Expand" => Some(Source {
            same_axes: false,
            ..source
        }),
        _ => None,
    }
}

impl Role {
    /// Takes in what the axes are to one more node.
    fn learn(&mut self, layout: Option<Layout>) {
        let Some(layout) = layout else {
            return;
        };
        let embedding = Layout::embedding();
        if layout == embedding || self.layout == Some(embedding) {
            // Looked up here and multiplied there: tied to the output, and first of all an embedding.
            self.layout = Some(Layout::embedding());
            self.disputed = false;
        } else if self.layout.as_ref().is_some_and(|known| *known != layout) || self.disputed {
            self.disputed = true;
            self.layout = None;
        } else {
            self.layout = Some(layout);
        }
    }
}

/// What the axes of a tensor are to a node.
fn layout(node: &Node, slot: usize, source: Source, dims: &[u64]) -> Option<Layout> {
    if !source.same_axes || (source.transposed && dims.len() != 2) {
        return None;
    }
    let kernel = dims.len().wrapping_sub(2);
    let group = usize::try_from(node.group).ok()?;
    let stride = usize::try_from(node.stride).ok()?;
    let matrix = |out_first: bool| match out_first != source.transposed {
        true => Layout::oi(),
        false => Layout::io(),
    };
    let layout = match (node.op.as_str(), slot, dims.len()) {
        ("Conv" | "ConvInteger" | "FusedConv", 1, 3..=5) | ("QLinearConv", 3, 3..=5) => {
            Layout::conv(kernel).grouped(group)
        }
        ("ConvTranspose", 1, 3..=5) => Layout::conv_transpose(kernel, stride).grouped(group),
        ("Gemm", 1, 2) => matrix(node.trans_b),
        ("MatMul" | "MatMulInteger", 1, 2) | ("QLinearMatMul", 3, 2) => matrix(false),
        ("MatMul", 0, 2) => matrix(true),
        ("MatMul", 1, 3) => Layout::io().stacked(),
        ("LSTM" | "GRU" | "RNN", 1 | 2, 3) => Layout::oi().stacked(),
        ("Gather", 0, 2) if node.axis == 0 && !source.transposed => Layout::embedding(),
        _ => return None,
    };
    let shape: Option<Vec<usize>> = dims.iter().map(|&dim| dim.try_into().ok()).collect();
    layout.fans(&shape?).is_ok().then_some(layout)
}

/// What a node calls the tensor that it takes in a place.
fn slot_name(op: &str, slot: usize) -> String {
    let name = match (op, slot) {
        ("Conv" | "ConvTranspose" | "ConvInteger" | "FusedConv" | "Gemm", 1) => "weight",
        ("Conv" | "ConvTranspose" | "FusedConv" | "Gemm", 2) => "bias",
        ("QLinearConv" | "QLinearMatMul", 3) => "weight",
        ("QLinearConv", 8) => "bias",
        ("MatMul" | "MatMulInteger", 0 | 1) | ("Gather", 0) | ("PRelu", 1) => "weight",
        ("BatchNormalization", 3) => "running_mean",
        ("BatchNormalization", 4) => "running_var",
        (_, 1) if op.ends_with("Normalization") => "weight",
        (_, 2) if op.ends_with("Normalization") => "bias",
        ("LSTM" | "GRU" | "RNN", 1) => "weight_ih",
        ("LSTM" | "GRU" | "RNN", 2) => "weight_hh",
        ("LSTM" | "GRU" | "RNN", 3) => "bias",
        ("Add" | "Sub", 0 | 1) => "bias",
        ("Mul" | "Div", 0 | 1) => "scale",
        _ => return format!("input{slot}"),
    };
    name.to_owned()
}

/// Where a node is in the model, as dotted names: its own name's path without the operator at the end.
fn scope(node: &Node) -> String {
    let text = match node.name.as_str() {
        "" => without_output(&node.output),
        name => name,
    };
    let mut parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && !is_wrapper(part))
        .collect();
    if parts.len() > 1 {
        parts.pop();
    }
    match parts[..] {
        [] => node.op.clone(),
        [part] if part.bytes().all(|byte| byte.is_ascii_digit()) => format!("{}_{part}", node.op),
        _ => parts.join("."),
    }
}

/// What JAX puts around every name.
fn is_wrapper(part: &str) -> bool {
    part.starts_with("jax2tf_") || part.starts_with("pjit_") || part.starts_with("jit(")
}

/// `/encoder/Conv_output_0` and `encoder/Conv:0` are the first outputs of `encoder/Conv`.
fn without_output(name: &str) -> &str {
    let unnumbered = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if unnumbered.len() == name.len() {
        return name;
    }
    let stem = unnumbered
        .strip_suffix(':')
        .or_else(|| unnumbered.strip_suffix("_output_"));
    stem.unwrap_or(name)
}

/// Whether an exporter made the name up: it says nothing of the model.
pub(super) fn is_made_up(name: &str) -> bool {
    if name.starts_with("onnx::") || name.contains("jax2tf_") || name.starts_with("const_fold_opt")
    {
        return true;
    }
    let last = without_output(name).rsplit('/').next().unwrap_or("");
    let stem = last.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    matches!(
        stem.to_ascii_lowercase().as_str(),
        "" | "const" | "constant" | "const_tensor" | "initializer" | "tensor" | "val" | "value"
    )
}

/// Gives every tensor of a list (graph, tensor in it) a name of its own:
///
/// 1. its own name (a constant's: the tensor's, else the node's output), unless the exporter made it up;
/// 2. else the scope of the first node that takes it, and what it is there: `encoder.0.query.weight`;
/// 3. else its made-up name.
///
/// A name that occurs more than once is preceded by the path of the graph, where the tensor is in a nested one; what
/// still occurs again gets `_2`, `_3`. Names of the first kind go before the others.
pub(super) fn names(
    model: &Model,
    roles: &[Vec<Role>],
    tensors: &[(usize, usize)],
    limits: &Limits,
) -> Result<Vec<String>, Fault> {
    // One long name may be part of many: their sum is bounded as they are made.
    let mut room = limits.header_bytes;
    let mut charge = |name: String| match room.checked_sub(name.len() as u64) {
        Some(rest) if name.len() <= MAX_NAME_BYTES => {
            room = rest;
            Ok(name)
        }
        _ => Err(Fault::new("its tensors' names are too long")),
    };
    let mut own = Vec::with_capacity(tensors.len());
    let mut wanted = Vec::with_capacity(tensors.len());
    for &(graph, index) in tensors {
        let tensor = &model.graphs[graph].tensors[index];
        let name = own_name(tensor);
        own.push(name.is_some());
        wanted.push(charge(match (name, roles[graph][index].taken_by) {
            (Some(name), _) => name.to_owned(),
            (None, Some(place)) => name_from_node(model, place),
            (None, None) => tensor.output.clone(),
        })?);
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    for name in &wanted {
        *times.entry(name).or_default() += 1;
    }
    let mut names = vec![String::new(); tensors.len()];
    let mut unique = Unique::default();
    for first_kind in [true, false] {
        for (position, name) in wanted.iter().enumerate() {
            if own[position] != first_kind {
                continue;
            }
            let graph = tensors[position].0;
            let nested = model.graphs[graph].parent.is_some();
            names[position] = unique.take(match nested && times[name.as_str()] > 1 {
                true => charge(format!("{}.{name}", path(model, graph)))?,
                false => name.clone(),
            });
        }
    }
    Ok(names)
}

/// The scope of a node and what it takes the tensor for.
fn name_from_node(model: &Model, (graph, node, slot): (usize, usize, usize)) -> String {
    let node = &model.graphs[graph].nodes[node];
    format!("{}.{}", scope(node), slot_name(&node.op, slot))
}

fn own_name(tensor: &Tensor) -> Option<&str> {
    [&tensor.name, &tensor.output]
        .into_iter()
        .map(String::as_str)
        .find(|name| !is_made_up(name))
}

/// The labels of a graph and of those around it, the outermost first, dotted.
fn path(model: &Model, graph: usize) -> String {
    let mut labels = Vec::new();
    let mut scope = Some(graph);
    while let Some(graph) = scope {
        let graph = &model.graphs[graph];
        let label = graph.label.trim_matches('/').replace('/', ".");
        if !label.is_empty() {
            labels.push(label);
        }
        scope = graph.parent;
    }
    labels.reverse();
    labels.join(".")
}

/// Names given so far, and the next number of each.
#[derive(Default)]
struct Unique {
    taken: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Unique {
    fn take(&mut self, name: String) -> String {
        if self.taken.insert(name.clone()) {
            return name;
        }
        let next = self.next.entry(name.clone()).or_insert(2);
        loop {
            let numbered = format!("{name}_{next}");
            *next += 1;
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names() {
        for name in [
            "",
            "12",
            "onnx::MatMul_636",
            "/encoder/Constant_3_output_0",
            "Const_24:0",
            "val_7",
            "jax2tf_f_/Dense_0/Reshape:0",
            "const_fold_opt__211",
            "Constant_12",
        ] {
            assert!(is_made_up(name), "{name}");
        }
        for name in [
            "encoder.0.weight",
            "Dense_1",
            "w1",
            "model/dense/kernel:0",
            "tensor_core.weight",
        ] {
            assert!(!is_made_up(name), "{name}");
        }
    }

    #[test]
    fn scopes_of_nodes() {
        let scope_of = |name: &str, output: &str| {
            scope(&Node {
                name: name.to_owned(),
                output: output.to_owned(),
                op: "MatMul".to_owned(),
                ..Node::default()
            })
        };
        assert_eq!(
            scope_of("/encoder/layer.0/query/MatMul", ""),
            "encoder.layer.0.query"
        );
        assert_eq!(
            scope_of("", "/encoder/query/MatMul_output_0"),
            "encoder.query"
        );
        assert_eq!(
            scope_of("jax2tf_f_/pjit_f_/Net/Dense_1/MatMul", ""),
            "Net.Dense_1"
        );
        assert_eq!(scope_of("MatMul_12", ""), "MatMul_12");
        assert_eq!(scope_of("", "173"), "MatMul_173");
        assert_eq!(scope_of("", ""), "MatMul");
    }

    #[test]
    fn numbers_go_round_names_that_are_taken() {
        let mut unique = Unique::default();
        let names = ["a_2", "a", "a", "a"].map(|name| unique.take(name.to_owned()));
        assert_eq!(names, ["a_2", "a", "a_3", "a_4"]);
    }
}
