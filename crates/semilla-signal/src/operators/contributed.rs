//! Operators of ONNX Runtime's own domain, as optimized models have them: the nodes that were fused
//! into one.

use semilla::graph::{Attribute, Node};

use super::heads;
use super::movement::shape_of;
use crate::executor::{Call, Made, Problem};
use crate::real::Real;

/// The operators by name; `None` if the operator is none of them.
pub(crate) fn lower<T: Real>(
    operator: &str,
    call: &Call<'_, T>,
) -> Result<Option<Made<T>>, Problem> {
    let made = match operator {
        "BiasGelu" => after_sum(call, Node::new("Gelu", &["sum"], &["y"])),
        "FastGelu" if call.has(1) => after_sum(call, {
            let tanh = Attribute::Text("tanh".to_owned());
            Node::new("Gelu", &["sum"], &["y"]).with("approximate", tanh)
        }),
        "FusedMatMul" | "TransposeMatMul" => product(call),
        "FusedConv" => activated(call, "Conv"),
        "FusedGemm" => activated(call, "Gemm"),
        "SkipLayerNormalization" => skip(call, "LayerNormalization", Some(3), 4),
        "SkipSimplifiedLayerNormalization" => skip(call, "RMSNormalization", None, 3),
        "MultiHeadAttention" => several(call),
        "GroupQueryAttention" => groups(call),
        "RotaryEmbedding" => rotary(call),
        _ => return Ok(None),
    };
    made.map(Some)
}

fn unsupported<R>(what: &str) -> Result<R, Problem> {
    Err(Problem::Unsupported(what.to_owned()))
}

/// A function of the sum of both inputs.
fn after_sum<T: Real>(call: &Call<'_, T>, node: Node) -> Result<Made<T>, Problem> {
    let sum = Node::new("Add", &["0", "1"], &["sum"]);
    Ok(call.stand(vec![sum, node], &["y"]))
}

/// A product of matrices, transposed before it and multiplied by a number.
fn product<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    if call.int("transBatchA", 0)? != 0 || call.int("transBatchB", 0)? != 0 {
        return unsupported("a product whose batch axis moves");
    }
    let mut nodes = Vec::new();
    let mut names = ["0".to_owned(), "1".to_owned()];
    for (input, attribute) in ["transA", "transB"].into_iter().enumerate() {
        let rank = shape_of(call, input)?.len();
        if call.int(attribute, 0)? == 0 || rank < 2 {
            continue;
        }
        let mut order: Vec<i64> = (0..rank as i64).collect();
        order.swap(rank - 2, rank - 1);
        let turned = format!("{input} turned");
        nodes.push(
            Node::new("Transpose", &[&names[input]], &[&turned])
                .with("perm", Attribute::Ints(order)),
        );
        names[input] = turned;
    }
    nodes.push(Node::new("MatMul", &[&names[0], &names[1]], &["product"]));
    let alpha = call.real("alpha", 1.0)?;
    if alpha == 1.0 {
        return Ok(call.stand(nodes, &["product"]));
    }
    nodes.push(number("alpha", alpha));
    nodes.push(Node::new("Mul", &["product", "alpha"], &["y"]));
    Ok(call.stand(nodes, &["y"]))
}

/// A constant.
fn number(name: &str, value: f64) -> Node {
    Node::new("Constant", &[], &[name]).with("value_float", Attribute::Float(value as f32))
}

/// A layer, what is added to it, and its activation.
fn activated<T: Real>(call: &Call<'_, T>, layer: &str) -> Result<Made<T>, Problem> {
    let inputs: Vec<String> = (0..call.inputs.len().min(3))
        .map(|i| i.to_string())
        .collect();
    let inputs: Vec<&str> = inputs.iter().map(|name| &**name).collect();
    let mut node = Node::new(layer, &inputs, &["made"]);
    node.attributes = call.node.attributes.clone();
    let mut nodes = vec![node];
    let mut last = "made";
    if layer == "Conv" && call.has(3) {
        nodes.push(Node::new("Add", &["made", "3"], &["sum"]));
        last = "sum";
    }
    let activation = call.text("activation", "")?;
    if activation.is_empty() {
        return Ok(call.stand(nodes, &[last]));
    }
    let parameters = match call.node.attribute("activation_params") {
        Some(Attribute::Floats(values)) => values.clone(),
        _ => Vec::new(),
    };
    let names = match activation {
        "Clip" => ["min", "max"],
        _ => ["alpha", "beta"],
    };
    let mut node = Node::new(activation, &[last], &["y"]);
    for (name, value) in names.into_iter().zip(parameters) {
        node = node.with(name, Attribute::Float(value));
    }
    nodes.push(node);
    Ok(call.stand(nodes, &["y"]))
}

/// The normalization of a sum, and the sum itself as the fourth output.
fn skip<T: Real>(
    call: &Call<'_, T>,
    normalization: &str,
    shift: Option<usize>,
    bias: usize,
) -> Result<Made<T>, Problem> {
    let outputs = &call.node.outputs;
    let is_asked = |output: usize| outputs.get(output).is_some_and(|name| !name.is_empty());
    if is_asked(1) || is_asked(2) {
        return unsupported("statistics as further outputs");
    }
    let mut nodes = vec![Node::new("Add", &["0", "1"], &["sum"])];
    let mut sum = "sum";
    if call.has(bias) {
        nodes.push(Node::new(
            "Add",
            &["sum", &bias.to_string()],
            &["with bias"],
        ));
        sum = "with bias";
    }
    let mut inputs = vec![sum, "2"];
    inputs.extend(shift.filter(|&shift| call.has(shift)).map(|_| "3"));
    let epsilon = Attribute::Float(call.real("epsilon", 1e-12)? as f32);
    nodes.push(Node::new(normalization, &inputs, &["y"]).with("epsilon", epsilon));
    // Outputs that nobody takes stand for themselves.
    Ok(match is_asked(3) {
        true => call.stand(nodes, &["y", "y", "y", sum]),
        false => call.stand(nodes, &["y"]),
    })
}

/// Attention of several heads, on [batch, length, width].
fn several<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let shape = shape_of(call, 0)?;
    if !call.has(1) || !call.has(2) || shape.len() != 3 || shape_of(call, 1)?.len() != 3 {
        return unsupported("attention on packed queries, keys and values");
    }
    if call.has(4) || (6..10).any(|input| call.has(input)) {
        return unsupported("attention with a padding mask or a cache of keys");
    }
    if call.node.outputs.len() > 1 {
        return unsupported("attention with further outputs");
    }
    let mut nodes = Vec::new();
    let mut names: Vec<String> = (0..3).map(|input| input.to_string()).collect();
    if call.has(3) {
        let mut start = 0;
        for (input, name) in names.iter_mut().enumerate() {
            let width = shape_of(call, input)?.last().copied().unwrap_or(0) as i64;
            let (part, sum) = (format!("bias {input}"), format!("{input} with bias"));
            nodes.push(
                Node::new("Slice", &["3"], &[&part])
                    .with("axes", Attribute::Ints(vec![0]))
                    .with("starts", Attribute::Ints(vec![start]))
                    .with("ends", Attribute::Ints(vec![start + width])),
            );
            nodes.push(Node::new("Add", &[name, &part], &[&sum]));
            *name = sum;
            start += width;
        }
    }
    let count = Attribute::Int(call.int("num_heads", 0)?);
    let is_causal = call.int("unidirectional", 0)? != 0;
    let mask = call.has(5).then_some("5");
    let counts = [count.clone(), count];
    nodes.push(attention(call, &names, mask, counts, is_causal)?);
    Ok(call.stand(nodes, &["y"]))
}

/// ONNX's own attention; `mask` is what is added to scores.
fn attention<T: Real>(
    call: &Call<'_, T>,
    names: &[String],
    mask: Option<&str>,
    [queries, keys]: [Attribute; 2],
    is_causal: bool,
) -> Result<Node, Problem> {
    let mut inputs: Vec<&str> = names.iter().map(|name| &**name).collect();
    inputs.extend(mask);
    let mut node = Node::new("Attention", &inputs, &["y"])
        .with("q_num_heads", queries)
        .with("kv_num_heads", keys)
        .with("is_causal", Attribute::Int(is_causal.into()));
    let scale = call.real("scale", 0.0)?;
    if scale != 0.0 {
        node = node.with("scale", Attribute::Float(scale as f32));
    }
    Ok(node)
}

/// Causal attention whose keys and values serve several heads, from the first word on.
fn groups<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    let counts = [call.int("num_heads", 0)?, call.int("kv_num_heads", 0)?];
    if call.real("softcap", 0.0)? != 0.0 || call.int("local_window_size", -1)? > 0 {
        return unsupported("attention with a cap or a window");
    }
    let has_past = |input: usize| match call.has(input) {
        true => shape_of(call, input).map(|shape| !shape.contains(&0)),
        false => Ok(false),
    };
    if has_past(3)? || has_past(4)? || (9..14).any(|input| call.has(input)) {
        return unsupported("attention with a cache of keys, positions of its own or sinks");
    }
    let outputs = &call.node.outputs;
    let mut nodes = Vec::new();
    let mut names: Vec<String> = (0..3).map(|input| input.to_string()).collect();
    if !call.has(1) || !call.has(2) {
        let width = shape_of(call, 0)?.last().copied().unwrap_or(0) as i64;
        let all = counts[1].saturating_mul(2).saturating_add(counts[0]);
        if counts.iter().any(|&count| count <= 0) || width % all != 0 {
            return Err(call.shapes("queries, keys and values of all heads in a row"));
        }
        let size = width / all;
        names = ["query", "key", "value"].map(str::to_owned).to_vec();
        let sizes = vec![counts[0] * size, counts[1] * size, counts[1] * size];
        nodes.push(
            Node::new("Split", &["0"], &["query", "key", "value"])
                .with("axis", Attribute::Int(-1))
                .with("split", Attribute::Ints(sizes)),
        );
    }
    if call.int("do_rotary", 0)? != 0 {
        for (name, count) in names.iter_mut().zip(counts) {
            let turned = format!("{name} turned");
            nodes.push(
                Node::new("RotaryEmbedding", &[name, "7", "8"], &[&turned])
                    .with("num_heads", Attribute::Int(count))
                    .with(
                        "interleaved",
                        Attribute::Int(call.int("rotary_interleaved", 0)?),
                    ),
            );
            *name = turned;
        }
    }
    let by_kind = counts.map(Attribute::Int);
    nodes.push(attention(call, &names, None, by_kind, true)?);
    let mut made = vec!["y"];
    // Keys and values so far, by heads.
    for (place, name, by_heads) in [(1, &names[1], "keys"), (2, &names[2], "values")] {
        if outputs.get(place).is_none_or(String::is_empty) {
            made.push("y");
            continue;
        }
        nodes.extend(heads::split(name, by_heads, counts[1], -1));
        made.push(by_heads);
    }
    made.truncate(outputs.len());
    Ok(call.stand(nodes, &made))
}

/// ONNX's own, whose positions come last.
fn rotary<T: Real>(call: &Call<'_, T>) -> Result<Made<T>, Problem> {
    if call.int("is_packed_batching", 0)? != 0 || call.real("scale", 1.0)? != 1.0 {
        return unsupported("a rotary embedding that is packed or scaled");
    }
    let positions = call.whole(1)?;
    let mut nodes = Vec::new();
    let mut name = "1";
    if positions.data().len() == 1 {
        // One position is that of the first word.
        let (shape, first) = (shape_of(call, 0)?, positions.data()[0]);
        let length = if shape.len() == 4 {
            shape[2]
        } else {
            shape.get(1).copied().unwrap_or(0)
        };
        let batch = shape.first().copied().unwrap_or(0);
        let row: Vec<i64> = (0..length as i64)
            .map(|at| first.saturating_add(at))
            .collect();
        let whole = vec![batch as i64, length as i64];
        nodes.push(Node::new("Constant", &[], &["row"]).with("value_ints", Attribute::Ints(row)));
        nodes.push(Node::new("Constant", &[], &["all"]).with("value_ints", Attribute::Ints(whole)));
        nodes.push(Node::new("Expand", &["row", "all"], &["positions"]));
        name = "positions";
    }
    let mut node = Node::new("RotaryEmbedding", &["0", "2", "3", name], &["y"])
        .with("interleaved", Attribute::Int(call.int("interleaved", 0)?))
        .with("num_heads", Attribute::Int(call.int("num_heads", 0)?));
    let size = call.int("rotary_embedding_dim", 0)?;
    node = node.with("rotary_embedding_dim", Attribute::Int(size));
    nodes.push(node);
    Ok(call.stand(nodes, &["y"]))
}
